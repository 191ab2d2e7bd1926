"""What can be done with requests for keys: ask, approve, refuse, withdraw, claim.

Each is one conditional UPDATE of the status, so of two at once one succeeds and the other raises `Conflict`: two approvers, an approval and
a withdrawal, two claims.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import router, transaction
from django.utils import timezone

from ...conf import access_settings
from ...core.reasons import Reason
from ...core.scopes import dump
from ...events.record import changed, refused
from ...events.source import Actor
from ...events.tags import Action
from ...exceptions import ApprovalRequired, Conflict, FourEyes, InvalidChange
from ...roles.generations import bump
from ...roles.models import Generation
from .. import bounds, service
from ..issued import CHANGEABLE, Issued
from ..models import APIKey
from . import deciders, telling
from .models import KeyRequest

ASKED: Final = (*CHANGEABLE, "dpop_jkt")
SHORTEST: Final = 10
"""Characters of a justification: less tells an approver nothing."""
MOST_A_DAY: Final = 20
"""Requests of one requester: each is an e-mail to every approver."""


# -- ask


def issue(*, by: Actor, justification: str = "", **fields: Any) -> Issued | KeyRequest:
    """A new key as `keys.service.issue` makes it; where the policy wants another person's approval, a request for it.

    Raises what that raises, and `ApprovalRequired` where the request lacks a justification.
    """
    try:
        return service.issue(by=by, **fields)
    except ApprovalRequired as error:
        return _ask(error, by=by, justification=justification)


def change(key: APIKey, *, by: Actor, justification: str = "", **fields: Any) -> APIKey | KeyRequest:
    """Change a key as `keys.service.change` does; where that widens it beyond what the policy lets one person do, a request for it."""
    try:
        return service.change(key, by=by, **fields)
    except ApprovalRequired as error:
        return _ask(error, by=by, justification=justification, key=key)


@transaction.atomic
def _ask(error: ApprovalRequired, *, by: Actor, justification: str, key: APIKey | None = None) -> KeyRequest:
    text = " ".join(justification.split())
    if not text or by.user is None:
        raise error
    if not SHORTEST <= len(text) <= 1000:
        raise InvalidChange(
            f"Say in {SHORTEST} to 1000 characters what it is for: that is what the approver decides on.",
            field="justification",
        )
    wanted: APIKey = error.key
    now = timezone.now()
    if KeyRequest.objects.filter(requester=by.user, requested_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
        raise InvalidChange(
            f"You asked for {MOST_A_DAY} keys within a day. Wait for those, or ask for one that does all."
        )
    before = None
    if key is not None:
        before = service.described(APIKey.objects.select_related("principal").get(pk=key.pk))
    made = KeyRequest.objects.create(
        requester=by.user,
        principal=wanted.principal,
        key=key,
        before=before,
        via=bounds.managing_key(by),
        justification=text,
        requested_at=now,
        decide_by=now + access_settings.APPROVALS["EXPIRES"],
        **{name: getattr(wanted, name) for name in ASKED},
    )
    changed(Action.KEY_REQUEST_MADE, made, by=by, reason=text, **described(made))
    telling.waiting(made)
    return made


def described(request: KeyRequest) -> dict[str, Any]:
    """The request as plain data for its events. No secret."""
    return {
        "principal": request.principal.get_username(),
        "requester": request.requester.get_username(),
        "scopes": dump(request.scopes),
        "networks": request.networks,
        "origins": request.origins,
        "rate": request.rate,
        **({"on_leak": request.on_leak} if request.on_leak else {}),
        "expires_at": request.expires_at.isoformat() if request.expires_at else None,
        **({"key": request.key_id} if request.key_id is not None else {}),
    }


# -- decide


def approve(request: KeyRequest, *, by: Actor, reason: str = "") -> KeyRequest:
    """Let the requester have it. Raises `FourEyes`, and `Conflict` where it is not waiting any more."""
    return _decide(request, KeyRequest.Status.APPROVED, by=by, reason=reason)


def refuse(request: KeyRequest, *, by: Actor, reason: str) -> KeyRequest:
    """Do not let the requester have it. Raises `FourEyes`, `Conflict`, and `InvalidChange` without a reason."""
    if not reason.strip():
        raise InvalidChange("Say why, so that the requester can ask for what is right.", field="reason")
    return _decide(request, KeyRequest.Status.REFUSED, by=by, reason=reason)


def _decide(request: KeyRequest, status: KeyRequest.Status, *, by: Actor, reason: str) -> KeyRequest:
    approved = status == KeyRequest.Status.APPROVED
    try:
        deciders.check(request, by, to_approve=approved)
    except FourEyes as error:
        refused(Action.CHANGE_REFUSED, Reason.FOUR_EYES, by=by, detail=error.message, request=request.pk)
        raise
    now = timezone.now()
    claim_by = now + access_settings.APPROVALS["CLAIM_WITHIN"] if approved else None
    with transaction.atomic():
        waiting = KeyRequest.objects.waiting().filter(pk=request.pk)
        columns: dict[str, Any] = {"decided_by": by.user, "decided_at": now, "claim_by": claim_by}
        if not waiting.update(status=status, reason=reason.strip()[:255], **columns):
            raise _not_any_more(request, "waits for a decision")
        _read_anew(request)
        action = Action.KEY_REQUEST_APPROVED if approved else Action.KEY_REQUEST_REFUSED
        changed(action, request, by=by, reason=request.reason, **described(request))
        telling.decided(request)
    return request


def withdraw(request: KeyRequest, *, by: Actor) -> KeyRequest:
    """Take it back, decided or not, as long as it was not claimed. Raises `FourEyes` for anybody but the requester, `Conflict`."""
    _check_requester(request, by)
    with transaction.atomic():
        open_ones = KeyRequest.objects.filter(pk=request.pk, status__in=["pending", "approved"])
        if not open_ones.update(status=KeyRequest.Status.WITHDRAWN, decided_at=timezone.now()):
            raise _not_any_more(request, "can be withdrawn")
        _read_anew(request)
        changed(Action.KEY_REQUEST_WITHDRAWN, request, by=by, **described(request))
    return request


# -- claim


def claim(request: KeyRequest, *, by: Actor) -> Issued:
    """What was approved, for the requester, once: the new key with its text, or the changed key with none.

    Every right is asked anew: what the requester, the principal and the approver hold now. Raises `FourEyes`, `NotHeld`, `Conflict`,
    `InvalidChange`; the request then stays as it is, and can be claimed while there is time.
    """
    _check_requester(request, by)
    with transaction.atomic():
        bump(Generation.CREDENTIALS)  # first, as in every change of keys: one order of locks
        claimable = KeyRequest.objects.claimable().filter(pk=request.pk)
        if not claimable.update(status=KeyRequest.Status.CLAIMED, claimed_at=timezone.now()):
            raise _not_any_more(request, "can be claimed")
        request.refresh_from_db(using=router.db_for_write(KeyRequest))
        _check_approver_now(request)
        _check_may_make(request, by)
        issued = _widen(request, by) if request.widens else _make(request, by)
        KeyRequest.objects.filter(pk=request.pk).update(key=issued.key)
        request.key = issued.key
        changed(Action.KEY_REQUEST_CLAIMED, request, by=by, **described(request))
    return issued


def _make(request: KeyRequest, by: Actor) -> Issued:
    fields = {name: getattr(request, name) for name in ASKED}
    return service.issue(principal=request.principal, by=by, approved=request, **fields)


def _widen(request: KeyRequest, by: Actor) -> Issued:
    key = APIKey.objects.select_related("principal").filter(pk=request.key_id).first()
    if key is None or service.described(key) != request.before:
        raise Conflict("The key was changed since this was asked for. Ask anew.")
    fields = {name: getattr(request, name) for name in CHANGEABLE}
    return Issued(service.change(key, by=by, approved=request, **fields), "")


def _check_requester(request: KeyRequest, by: Actor) -> None:
    if by.user is None or by.user.pk != request.requester_id:
        raise FourEyes("Only who asked for it can withdraw it or claim it.")


def _check_approver_now(request: KeyRequest) -> None:
    """Raise `FourEyes` unless who approved it may still do so: a person who left, or lost the rights, vouches for nothing."""
    if request.decided_by is None:
        raise FourEyes("Who approved it is gone. Ask anew.")
    try:
        deciders.check(request, Actor.of_user(request.decided_by), to_approve=True)
    except FourEyes:
        raise FourEyes("Who approved it may not do so any more. Ask anew.") from None


def _check_may_make(request: KeyRequest, by: Actor) -> None:
    """Raise `FourEyes` where the claim comes with another credential than the request did, or without the permission it needed."""
    via = bounds.asking_key(by)
    if request.via_id is not None and (via is None or via.pk != request.via_id):
        raise FourEyes("This was asked for with an API key: claim it with that key.")
    verb = "change" if request.widens else "add"
    if request.principal_id != request.requester_id and not by.user.has_perm(f"django_apiaccess.{verb}_apikey"):
        raise FourEyes(f"You may not {verb} keys of others any more.")


def _not_any_more(request: KeyRequest, what: str) -> Conflict:
    _read_anew(request)
    return Conflict(f"This request is {request.state.label}, so it no longer {what}. Nothing was done.")


def _read_anew(request: KeyRequest) -> None:
    request.refresh_from_db(
        using=router.db_for_write(KeyRequest),
        fields=["status", "decided_by", "decided_at", "reason", "claim_by", "claimed_at", "key"],
    )
