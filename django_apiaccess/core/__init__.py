"""Pure Python heart of the app: no Django, no DRF, no I/O. Everything here can be tested without a settings module."""
