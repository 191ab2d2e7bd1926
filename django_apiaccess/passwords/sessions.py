"""Django's sessions as a credential: when and how their user proved who they are, stamped at log-in.

A session that began with a password, of a user who must prove more than that, is *pending*: it is nobody's, but for proving the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from ..core.assurance import MULTI_FACTOR, rank
from ..core.proof import Proof
from ..mfa import policy, trusted
from .service import is_djangos_password

STAMP: Final = "apiaccess_proof"


def stamp(request: Any, user: Any, **_kwargs: Any) -> None:
    """Write `auth_time`, `amr` and `acr` into the session of a user who has just logged in, and whether more must be proven.

    Signals of other log-ins have no session of theirs. `pwd` only where Django's own back-end checked the password: others may have asked
    for something else.
    """
    session = getattr(request, "session", None)
    if session is None or session.get(SESSION_KEY) != user._meta.pk.value_to_string(user):
        return
    amr = ["pwd"] if is_djangos_password(session.get(BACKEND_SESSION_KEY, "")) else []
    made = {"auth_time": int(timezone.now().timestamp()), "amr": amr, "acr": "aal1", "pending": False}
    if not policy.has_second_factor(user):
        made["pending"] = policy.must_enrol(user)
    elif trusted.is_trusted(user, trusted.taken_from(request)):
        made["trusted"] = True
    else:
        made["pending"] = True
    session[STAMP] = made


def is_pending(session: Any) -> bool:
    """Whether the session waits for its second factor. One that django-otp has verified since does not."""
    if session is None:
        return False
    stamped = session.get(STAMP)
    return bool(isinstance(stamped, dict) and stamped.get("pending") and not session.get(DEVICE_ID_SESSION_KEY))


def skipped_by_trust(session: Any) -> bool:
    """Whether this session was not asked for the user's second factor, because its device is trusted. The admin asks all the same."""
    stamped = session.get(STAMP)
    return bool(isinstance(stamped, dict) and stamped.get("trusted") and not session.get(DEVICE_ID_SESSION_KEY))


def prove(request: Any, proof: Proof) -> None:
    """The session's user has proven this: under a new session key, so that who knew the old one has nothing (ASVS 7.2.4)."""
    session = request.session
    session.cycle_key()
    session[STAMP] = {
        "auth_time": int(proof.auth_time.timestamp()),
        "amr": list(proof.amr),
        "acr": proof.acr,
        "pending": False,
    }


def proof_of(session: Any) -> dict[str, Any]:
    """`amr`, `acr` and `auth_time` of a session; of one that began before the app was there, only that somebody logged in.

    Where another app had django-otp verify the session's user, that counts as the weakest second factor: of which kind it was, and when,
    the session does not say.
    """
    if session is None:
        return {"acr": "aal1"}
    match session.get(STAMP):
        case {"auth_time": int(seconds), "amr": [*amr]} as stamped:
            acr = str(stamped.get("acr", "aal1"))
            if session.get(DEVICE_ID_SESSION_KEY) and rank(acr) < rank(MULTI_FACTOR):
                amr, acr = [*amr, "otp", "mfa"], MULTI_FACTOR
            return {"amr": tuple(amr), "acr": acr, "auth_time": datetime.fromtimestamp(seconds, UTC)}
    return {"acr": "aal1"}


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_in.connect(stamp, dispatch_uid="django_apiaccess.session_proof")
