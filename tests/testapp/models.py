"""Things to protect, with an integer and with a UUID primary key."""

import uuid

from django.db import models


class Document(models.Model):
    title = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.title


class Parcel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.title
