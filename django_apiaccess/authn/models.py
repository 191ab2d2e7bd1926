"""Counters, of rates where no shared cache is set and of failed attempts; and proofs of possession that were used."""

from __future__ import annotations

from django.db import models


class RateCounter(models.Model):
    """How many requests a subject made in the current window. One row a subject; `window` says which window `count` is of."""

    subject = models.CharField(max_length=100, primary_key=True)
    window = models.BigIntegerField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.count}"


class FailureCounter(models.Model):
    """Failed attempts of one bucket (see `authn.failures`), and until when it is closed."""

    subject = models.CharField(max_length=100, primary_key=True)
    count = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    blocked_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.count}"


class UsedProof(models.Model):
    """A DPoP proof that was used (see `authn.replays`), until nobody would take it anyway. `digest` is of its key and its `jti`."""

    digest = models.CharField(max_length=43, primary_key=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest
