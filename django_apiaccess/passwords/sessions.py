"""Django's sessions as a credential: when and how their user proved who they are, stamped at log-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone

from .service import is_djangos_password

STAMP: Final = "apiaccess_proof"


def stamp(request: Any, user: Any, **_kwargs: Any) -> None:
    """Write `auth_time` and `amr` into the session of a user who has just logged in. Signals of other log-ins have no session of theirs.

    `pwd` only where Django's own back-end checked the password: others may have asked for something else.
    """
    session = getattr(request, "session", None)
    if session is None or session.get(SESSION_KEY) != user._meta.pk.value_to_string(user):
        return
    amr = ["pwd"] if is_djangos_password(session.get(BACKEND_SESSION_KEY, "")) else []
    session[STAMP] = {"auth_time": int(timezone.now().timestamp()), "amr": amr}


def proof_of(session: Any) -> dict[str, Any]:
    """`amr`, `acr` and `auth_time` of a session; of one that began before the app was there, only that somebody logged in."""
    match session.get(STAMP) if session is not None else None:
        case {"auth_time": int(seconds), "amr": [*amr]}:
            return {"amr": tuple(amr), "acr": "aal1", "auth_time": datetime.fromtimestamp(seconds, UTC)}
    return {"acr": "aal1"}


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_in.connect(stamp, dispatch_uid="django_apiaccess.session_proof")
