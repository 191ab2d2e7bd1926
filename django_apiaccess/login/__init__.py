"""Logging in over HTTP: passwords, second factors, passkeys, step-up, and the factors of an account."""
