"""The ceiling travels with the user: `has_perm` and friends of `request.user` answer within the credential's scopes.

`User.has_perm` returns True for a superuser before any backend is asked, so a backend alone is no ceiling: the request's
own user object answers. Its `is_superuser` and `is_staff` stay as they are: a view that saves the user must not write a
ceiling into the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .rights import PrincipalRights


class Ceiling:
    """Permission questions of one user object, answered within what a credential opens."""

    def __init__(self, user: Any, rights: PrincipalRights) -> None:
        self.user = user
        self.rights = rights

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.rights.opens(perm) and self._noted(perm, bool(type(self.user).has_perm(self.user, perm, obj)))

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        if isinstance(perm_list, str) or not isinstance(perm_list, Iterable):
            raise ValueError("perm_list must be an iterable of permissions.")  # noqa: TRY004 - as Django does
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        opened = self.rights.opened or frozenset()
        return any(self.has_perm(perm) for perm in opened if perm.startswith(f"{app_label}."))

    def _within(self, permissions: Iterable[str]) -> set[str]:
        """Those within the ceiling. What the caller looks for among them is not known: all count as used."""
        return {perm for perm in permissions if self.rights.opens(perm) and self._noted(perm, True)}

    def _noted(self, perm: str, allowed: bool) -> bool:
        if allowed:
            self.rights.note(perm)
        return allowed

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        return self._within(type(self.user).get_all_permissions(self.user, obj))

    def get_user_permissions(self, obj: Any = None) -> set[str]:
        return self._within(type(self.user).get_user_permissions(self.user, obj))

    def get_group_permissions(self, obj: Any = None) -> set[str]:
        return self._within(type(self.user).get_group_permissions(self.user, obj))

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        return self.rights.opens(perm) and self._noted(
            perm, bool(await type(self.user).ahas_perm(self.user, perm, obj))
        )

    async def ahas_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        if isinstance(perm_list, str) or not isinstance(perm_list, Iterable):
            raise ValueError("perm_list must be an iterable of permissions.")  # noqa: TRY004 - as Django does
        for perm in perm_list:
            if not await self.ahas_perm(perm, obj):
                return False
        return True

    async def ahas_module_perms(self, app_label: str) -> bool:
        opened = self.rights.opened or frozenset()
        for perm in opened:
            if perm.startswith(f"{app_label}.") and await self.ahas_perm(perm):
                return True
        return False

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        return self._within(await type(self.user).aget_all_permissions(self.user, obj))

    async def aget_user_permissions(self, obj: Any = None) -> set[str]:
        return self._within(await type(self.user).aget_user_permissions(self.user, obj))

    async def aget_group_permissions(self, obj: Any = None) -> set[str]:
        return self._within(await type(self.user).aget_group_permissions(self.user, obj))


METHODS = tuple(name for name in vars(Ceiling) if not name.startswith("_"))


def put_ceiling(user: Any, rights: PrincipalRights) -> None:
    """Make the permission methods of this one user object answer within `rights`. Methods the model lacks are left out."""
    ceiling = Ceiling(user, rights)
    for name in METHODS:
        if hasattr(type(user), name):
            user.__dict__[name] = getattr(ceiling, name)
