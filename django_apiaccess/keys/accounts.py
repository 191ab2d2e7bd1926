"""Service accounts: principals that are programs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import models, transaction

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, UnknownName
from ..roles import names
from ..roles.generations import bump
from ..roles.models import Generation
from .approvals.ending import end_requests
from .issued import clean
from .models import ServiceAccount


@transaction.atomic
def create_service_account(*, name: str, owner: Any, purpose: str, by: Actor) -> ServiceAccount:
    """A principal for a program: a user without a usable password, an owner who answers for it, and a purpose."""
    model = get_user_model()
    if not name.strip() or not purpose.strip():
        raise InvalidChange(
            "A service account needs a name and a purpose.", field="name" if not name.strip() else "purpose"
        )
    login: Any = model._meta.get_field(model.USERNAME_FIELD)
    value = f"{name}@service-account.invalid" if isinstance(login, models.EmailField) else name
    if (
        ServiceAccount.objects.filter(name=name).exists()
        or model._default_manager.filter(**{model.USERNAME_FIELD: value}).exists()
    ):
        raise InvalidChange(
            f"There is a user or service account named {name!r} already. Choose another name.", field="name"
        )
    user = model(**{model.USERNAME_FIELD: value})
    user.set_unusable_password()
    clean(user, exclude=frozenset({"password"}))
    user.save()
    account = ServiceAccount(user=user, name=name, owner=owner, purpose=purpose)
    clean(account)
    account.save()
    changed(Action.SERVICE_ACCOUNT_CREATED, account, by=by, owner=str(owner), purpose=purpose)
    return account


def service_account(name: str) -> ServiceAccount:
    """The service account of that name. Raises `UnknownName`."""
    found = ServiceAccount.objects.select_related("user").filter(name=name).first() if names.is_text(name) else None
    if found is None:
        known = list(ServiceAccount.objects.values_list("name", flat=True)[:1000])
        raise UnknownName(f"Unknown service account {name!r}.{names.nearest(name, known)}", field="service_account")
    return found


@transaction.atomic
def change_service_account(
    account: ServiceAccount, *, owner: Any, purpose: str, active: bool, by: Actor
) -> ServiceAccount:
    """Change owner and purpose, and whether its keys open anything. Unchanged: nothing is written.

    With another owner, open requests for its keys are refused: who owned it when somebody asked must not decide on them as an outsider.
    """

    def facts() -> dict[str, Any]:
        return {
            "owner": str(account.owner) if account.owner else None,
            "purpose": account.purpose,
            "active": account.user.is_active,
        }

    before, was = facts(), account.owner_id
    account.owner, account.purpose, account.user.is_active = owner, purpose, active
    after = facts()
    if after == before:
        return account
    bump(Generation.CREDENTIALS)
    account.save(update_fields=["owner", "purpose"])
    account.user.save(update_fields=["is_active"])
    changed(Action.SERVICE_ACCOUNT_CHANGED, account, by=by, before=before, after=after)
    if account.owner_id != was:
        end_requests(account.user_id, reason="The service account has another owner. Ask anew.", by=by)
    return account
