"""What the tests of the admin share."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Permission
from django.urls import reverse

KEY = re.compile(r"ak_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")


def allow(user: Any, *codenames: str) -> Any:
    """Make `user` a member of staff with these permissions of the app: `allow(ann, "add_apikey")`."""
    user.is_staff = True
    user.save()
    for codename in codenames:
        permission = Permission.objects.get(content_type__app_label="django_apiaccess", codename=codename)
        user.user_permissions.add(permission)
    return type(user).objects.get(pk=user.pk)


def url(model: str, view: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:django_apiaccess_{model}_{view}", args=args)


def text_of(response: Any) -> str:
    return response.content.decode()


def used_form(client: Any, address: str) -> str:
    """The name of the one-use form on a page."""
    return re.search(r'name="apiaccess_form" value="([^"]+)"', text_of(client.get(address)))[1]
