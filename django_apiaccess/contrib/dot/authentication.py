"""A DRF authentication class for views that take tokens of django-oauth-toolkit only."""

from __future__ import annotations

from ...authentication import AccessAuthentication
from .credential import KIND


class DOTAuthentication(AccessAuthentication):
    """Tokens of django-oauth-toolkit only, as the setting `DOT` accepts them. `AccessAuthentication` takes them beside all other kinds."""

    only = KIND
