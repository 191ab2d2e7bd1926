"""Coming from django-rest-knox: its log-in, log-out and log-out everywhere, on API keys of ours. Imports nothing of it."""
