"""Counters for rates, where no shared cache is set."""

from __future__ import annotations

from django.db import models


class RateCounter(models.Model):
    """How many requests a subject made in the current window. One row a subject; `window` says which window `count` is of."""

    subject = models.CharField(max_length=100, primary_key=True)
    window = models.BigIntegerField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.count}"
