"""Passwords: the log-in that gives tokens, and HTTP Basic. Every check of a password passes through `passwords.service`."""
