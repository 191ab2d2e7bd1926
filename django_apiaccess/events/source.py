"""Who does something, and from where: handed to every service that changes anything."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.access import CredentialRef
from ..core.addresses import normal_address
from ..core.secrets import without_keys

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Where:
    """The request that something came with. `path` never holds a query string: secrets end up there."""

    address: str | None = None
    method: str = ""
    path: str = ""
    request_id: str = ""

    @classmethod
    def of_request(cls, request: Any, address: str | None) -> Where:
        """From a Django or DRF request. The client's X-Request-ID is used when it is harmless, else one is made."""
        given = request.META.get("HTTP_X_REQUEST_ID")
        request_id = given if given and REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        path = without_keys(request.path)[:255]  # a client that puts its key there must not find it in the log
        return cls(normal_address(address or ""), (request.method or "")[:10], path, request_id)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `user` bounds what may be given: nobody gives more than they hold; None: the operator of the machine."""

    kind: str
    label: str
    id: str = ""
    user: Any = field(default=None, repr=False)
    access: Any = field(default=None, repr=False)
    credential: CredentialRef | None = None
    where: Where = Where()

    @classmethod
    def command(cls, name: str) -> Actor:
        """An operator at the shell of the machine: may do everything."""
        return cls("command", name)

    @classmethod
    def system(cls) -> Actor:
        """The app itself, as after migrate."""
        return cls("system", "django_apiaccess")

    @classmethod
    def of_user(cls, user: Any, *, where: Where = Where()) -> Actor:
        """A person in the admin or in a script: bounded by what they hold."""
        return cls("user", str(user.get_username())[:150], str(user.pk), user=user, where=where)

    @classmethod
    def of_access(cls, access: Any, where: Where) -> Actor:
        """A caller of the API: bounded by what the credential may do."""
        user = access.principal
        return cls(
            "user",
            str(user.get_username())[:150],
            str(user.pk),
            user=user,
            access=access,
            credential=access.credential,
            where=where,
        )

    @property
    def bounded(self) -> bool:
        """Whether the actor can only give what they hold."""
        return self.user is not None
