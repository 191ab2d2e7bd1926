"""JWT access tokens (RFC 9068), the keys that sign them, token sessions with refresh tokens, and tokens of trusted issuers."""
