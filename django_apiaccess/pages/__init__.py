"""The pages for people: log-in, the second step of it, and "Security", where everybody looks after their own factors and sessions."""
