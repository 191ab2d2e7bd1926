"""Credentials that travelled in the clear (`ON_CLEARTEXT = "revoke"`): whoever was on the way has them, so they end.

Only those that are right end. The client gets the same answer in any case, and what is ended is not rolled back with its request.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from django.core.signals import request_finished
from django.db import Error, connections, router
from django.utils.module_loading import import_string

from ..conf import access_settings
from ..events.models import Event
from .client import claims_https
from .kinds import Client, Presented, enabled_kinds

ENDERS: Final[dict[str, str]] = {
    "api_key": "django_apiaccess.keys.exposed.end",
    "jwt": "django_apiaccess.tokens.exposed.end",
}
"""What ends a credential of a kind: `end(presented, client)`. A password ends only when its owner changes it."""
logger: Final = logging.getLogger("django_apiaccess")
_waiting: Final = threading.local()


def end(presented: Presented, client: Client) -> None:
    """End the credential, when the project wants that. Not where a header speaks of TLS: a proxy may be missing in `TRUSTED_PROXIES`."""
    if access_settings.ON_CLEARTEXT != "revoke" or claims_https(client.request.META):
        return
    kind = next((kind for kind in enabled_kinds() if kind.recognises(presented)), None)
    if kind is None or kind.name not in ENDERS:
        return
    ender = import_string(ENDERS[kind.name])
    connection = connections[router.db_for_write(Event)]
    if connection.in_atomic_block and connection.settings_dict.get("ATOMIC_REQUESTS"):
        _waiting.__dict__.setdefault("calls", []).append((ender, presented, client))
    else:
        _run(ender, presented, client)


def end_waiting(**_kwargs: object) -> None:
    """Do what waited for the end of the request, and of its transaction. Connected to it."""
    for call in _waiting.__dict__.pop("calls", []):
        _run(*call)


request_finished.connect(end_waiting, dispatch_uid="django_apiaccess.exposed")


def _run(ender: Any, presented: Presented, client: Client) -> None:
    try:
        ender(presented, client)
    except Error:
        logger.exception("A credential that came over plain HTTP could not be ended")
