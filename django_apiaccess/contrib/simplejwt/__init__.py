"""Coming from djangorestframework-simplejwt: its settings read, its wire format kept, its living tokens accepted. Imports nothing of it."""
