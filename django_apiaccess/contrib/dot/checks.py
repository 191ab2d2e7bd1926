"""Checks for projects that run django-oauth-toolkit beside us: the setting `DOT` itself, and what is unsafe in `OAUTH2_PROVIDER`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.apps import apps
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import router

from ...check_ids import Check, CheckId, error, sound, warning
from ...conf import access_settings
from ...roles import names
from ...roles.models import Grant
from .options import APP, DOTTokens, dot_tokens


def check_dot() -> Iterator[CheckMessage]:
    if not sound("DOT") or not access_settings.DOT:
        return
    try:
        tokens = dot_tokens()
        if tokens is None:
            yield warning(
                CheckId.DOT_OVER,
                "API_ACCESS['DOT']: ACCEPT_UNTIL has passed, so no token of django-oauth-toolkit is accepted any more.",
                "Take DOT out of API_ACCESS.",
            )
            return
        from .lookup import token_model  # imports oauth2_provider

        model = token_model()
    except ImproperlyConfigured as problem:
        yield error(
            CheckId.BAD_DOT,
            str(problem),
            "Mend the entry that the message names, or take DOT out: no token of django-oauth-toolkit is accepted then.",
        )
        return
    if router.db_for_write(model) != router.db_for_write(Grant):
        yield error(
            CheckId.BAD_DOT,
            f"{model._meta.label} and our tables are in different databases, and a token is looked up with the grants of its user.",
            "Route both to one database, or take DOT out.",
        )
    yield from _unknown_scopes(tokens)


def _unknown_scopes(tokens: DOTTokens) -> Iterator[CheckMessage]:
    from oauth2_provider.scopes import get_scopes_backend

    known = get_scopes_backend().get_all_scopes()
    for name in sorted((tokens.scopes or {}).keys() - known.keys()):
        yield warning(
            CheckId.UNKNOWN_DOT_SCOPE,
            f"API_ACCESS['DOT']['SCOPES']: django-oauth-toolkit has no scope {name!r} here.{names.nearest(name, known)}",
            "Write the scope as OAUTH2_PROVIDER['SCOPES'] names it, or take it out.",
        )


def check_oauth2_provider() -> Iterator[CheckMessage]:
    if not apps.is_installed(APP):
        return
    from oauth2_provider.settings import oauth2_settings

    from .provider import unsafe_settings

    for found in unsafe_settings(oauth2_settings):
        yield warning(CheckId.INSECURE_DOT, f"OAUTH2_PROVIDER[{found.name!r}]: {found.text}", f"Write: {found.line}")


CHECKS: Final[tuple[Check, ...]] = (check_dot, check_oauth2_provider)
