"""A proxy and a multi-table child of the user, a child of that, and a proxy of keys: what projects make for admins of their own."""

from django.contrib.auth.models import User
from django.db import models

from django_apiaccess.models import APIKey


class Colleague(User):
    class Meta:
        proxy = True


class Customer(User):
    number = models.CharField(max_length=20, blank=True)


class KeyOfPartner(APIKey):
    class Meta:
        proxy = True
