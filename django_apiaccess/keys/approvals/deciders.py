"""Who may decide on a request: another person, who has the permission and holds what is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q

from ...core import scopes as core_scopes
from ...core.access import Access
from ...events.source import Actor
from ...exceptions import FourEyes
from ...roles import delegation
from ...roles.models import Grant
from ...roles.policy import current_policy
from ..models import ServiceAccount
from .models import KeyRequest

PERMISSION: Final = "django_apiaccess.approve_keyrequest"
MOST_TOLD: Final = 50
"""Approvers who are told of one request."""


def check(request: KeyRequest, by: Actor, *, to_approve: bool) -> None:
    """Raise `FourEyes` unless the actor may decide: to refuse asks for the permission and another person, to approve for the rights too."""
    user = by.user
    if user is None or not user.is_active or not user.has_perm(PERMISSION):
        raise FourEyes(f"{by.label} may not decide on requests for keys: that needs the permission {PERMISSION}.")
    if by.credential is not None and by.credential.kind == "api_key":
        raise FourEyes(
            "A person decides on requests for keys, logged in: a key that leaks must not approve the next one."
        )
    account = ServiceAccount.objects.filter(user=user.pk).first()
    if account is not None:
        raise FourEyes("A person decides on requests for keys, not a program.")
    if user.pk in involved(request):
        raise FourEyes("Another person must decide: this request is your own, for you, or for what you answer for.")
    if to_approve:
        check_rights(request, by)


def check_rights(request: KeyRequest, by: Actor) -> None:
    """Raise `FourEyes` unless the actor holds, on everything, each scope that is asked for."""
    access: Access | None = delegation.access_of(by)
    if access is None:
        return
    beyond = core_scopes.registry.expand(request.scopes) - access.scopes
    if beyond:
        listed = ", ".join(sorted(beyond))
        raise FourEyes(f"{by.label} does not hold {listed} and so cannot approve it.")


def check_named(person: Any, *, principal: Any, scopes: Iterable[str]) -> None:
    """Raise `FourEyes` unless `person`, whom an operator names, could approve a key of `principal` for these scopes."""
    asked = KeyRequest(requester=None, principal=principal, scopes=frozenset(scopes))
    check(asked, Actor.of_user(person), to_approve=True)


def involved(request: KeyRequest) -> frozenset[Any]:
    """The users whose own request it is: who asked, for whom, and the owners of those of them that are programs."""
    ids = {request.requester_id, request.principal_id}
    owners = ServiceAccount.objects.filter(user__in=ids).values_list("owner", flat=True)
    return frozenset({*ids, *owners} - {None})


def told(request: KeyRequest) -> Iterable[Any]:
    """Active people with the permission who are not involved, some of them: who is told that a request waits."""
    model: Any = get_user_model()
    others = holders(most=2 * MOST_TOLD) - involved(request)
    return list(model._default_manager.filter(pk__in=others).order_by("pk")[:MOST_TOLD])


def holders(*, most: int) -> frozenset[Any]:
    """The ids of active people with the permission, by Django's own and by grants of ours; `most` of them at least, where there are."""
    model: Any = get_user_model()
    people = model._default_manager.filter(service_account=None, is_active=True)
    grants = Grant.objects.active().on_everything().filter(_giving(current_policy()))
    sources = [people.filter(pk__in=grants.filter(user__isnull=False).values("user"))]
    if hasattr(model, "groups"):
        sources.append(people.filter(groups__in=grants.filter(group__isnull=False).values("group")))
    with_perm = getattr(model._default_manager, "with_perm", None)
    if with_perm is not None:
        found = with_perm(PERMISSION, backend="django.contrib.auth.backends.ModelBackend")
        sources.append(found.filter(service_account=None, is_active=True))
    return frozenset(pk for source in sources for pk in source.order_by("pk").values_list("pk", flat=True)[:most])


def _giving(policy: Any) -> Q:
    return Q(role__in=policy.roles_giving_permission(PERMISSION)) | Q(scope__in=policy.scopes_opening(PERMISSION))
