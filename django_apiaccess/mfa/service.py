"""Proving a factor: the only place where a code or a passkey is checked, for log-in, step-up, enrolment, pages and OAuth alike."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone

from .. import notifications
from ..authn.failures import (
    Bucket,
    account_bucket,
    charge,
    forget,
    is_known,
    network_bucket,
    network_of,
    refund,
    remember,
)
from ..core.proof import Proof
from ..core.reasons import Reason
from ..events.later import refused_later
from ..events.record import changed, refused
from ..events.source import Actor, Where
from ..events.tags import Action
from ..exceptions import TooManyFailures
from . import challenges, recovery
from .errors import InvalidChallenge, NoSuchMethod, WrongCode
from .methods import FactorRef, Method, Proven, Response, enabled_methods, method_named
from .models import MFAChallenge

PURPOSE: Final = "mfa"
USER_FREE: Final = 20
"""Wrong codes over all factors of a user that cost no delay: more factors are not more guesses for free."""


def choices(user: Any) -> list[FactorRef]:
    """What the user can be asked for."""
    return [factor for method in enabled_methods() for factor in method.factors(user)]


def start(challenge: MFAChallenge, method: str, *, request: Any, where: Where) -> dict[str, Any]:
    """Begin with one method of the challenge: send the code, or make the options for the browser.

    `method` is a factor's id or, where there is one only, its type. Raises `NoSuchMethod`, `NotSent`, `SendingLimited`.
    """
    way, factor = choose(challenge, method)
    return way.begin(challenge, factor, request)


def verify(challenge: MFAChallenge, method: str, response: Response, *, where: Where) -> Proof:
    """Prove a factor. The proof is kept with the challenge; `challenges.use` hands it out once.

    Raises `InvalidChallenge`, `NoSuchMethod`, `WrongCode` or `TooManyFailures`. The counters that they moved must not be rolled back:
    the caller answers with a response, outside a request's transaction.
    """
    way, factor = choose(challenge, method)
    challenges.admit(challenge)
    challenges.require_alive(challenge)
    account, known = _buckets(challenge, factor, where)
    wait = charge(*account)
    if wait:
        challenges.give_back(challenge)
        refused_later(
            Action.MFA_REFUSED, Reason.TOO_MANY_FAILURES, where=where, detail=f"{way.type} of user {challenge.user_id}"
        )
        raise TooManyFailures(wait)
    proven = way.verify(challenge, factor, response)
    if proven is None:
        _refused(challenge, way, where)
        raise WrongCode
    (forget if challenge.user_id is not None else refund)(*account)
    _remember(known)
    user = challenge.user or proven.user
    if user is None or not user.is_active:
        raise InvalidChallenge
    return _proven(challenge, way, proven, user, where)


def choose(challenge: MFAChallenge, method: str) -> tuple[Method, FactorRef | None]:
    """The method and the factor of the challenge's user that `method` names by id or type."""
    if challenge.purpose == MFAChallenge.Purpose.PASSKEY:
        way = method_named("webauthn") if method in {"", "webauthn"} else None
        if way is None:
            raise NoSuchMethod
        return way, None
    found = choices(challenge.user)
    named = [factor for factor in found if factor.id == method] or [factor for factor in found if factor.type == method]
    if not named:
        raise NoSuchMethod
    way = method_named(named[0].type)
    assert way is not None
    if len(named) > 1 and way.type != "webauthn":  # which passkey it is, the browser says
        raise NoSuchMethod("There are several of this type: send the id of one of them as the method.")
    return way, named[0]


def _buckets(
    challenge: MFAChallenge, factor: FactorRef | None, where: Where
) -> tuple[tuple[Bucket, ...], tuple[Bucket, ...]]:
    """Where a wrong code is counted: on the factor and on the user; from a network where the user proved to be before, apart.

    So wrong codes slow down one factor, not the others, and nobody elsewhere can lock its owner out.
    A passkey alone names nobody before it is proven: it is counted on the network.
    """
    if factor is None or challenge.user_id is None:
        return (network_bucket(PURPOSE, where.address),), ()
    network = network_of(where.address)
    names = f"{factor.type}|{factor.id}|{challenge.user_id}", f"user|{challenge.user_id}"
    here = tuple(account_bucket(PURPOSE, name, known_from=network) for name in names)
    known = where.address is not None and is_known(here[1])
    of_factor, of_user = here if known else tuple(account_bucket(PURPOSE, name) for name in names)
    return (of_factor, Bucket(of_user.name, USER_FREE)), here[1:] if where.address is not None else ()


def _remember(known: tuple[Bucket, ...]) -> None:
    for bucket in known:
        remember(bucket)


def _refused(challenge: MFAChallenge, way: Method, where: Where) -> None:
    user = challenge.user
    by = Actor("anonymous", "", str(challenge.user_id or ""), where=where)
    account = "" if user is None else str(user.get_username())[:150]
    refused(
        Action.MFA_REFUSED,
        Reason.WRONG_CODE,
        by=by,
        outcome="failed",
        method=way.type,
        account=account,
        purpose=challenge.purpose,
    )


def _proven(challenge: MFAChallenge, way: Method, proven: Proven, user: Any, where: Where) -> Proof:
    now = timezone.now()
    before = challenges.proof_before(challenge, now)
    proof = before.also(proven.amr, proven.acr, now)
    if challenge.user_id is None:
        MFAChallenge.objects.filter(pk=challenge.pk).update(user=user)
        challenge.user = user
    challenges.prove(challenge, proof)
    if way.type == "recovery":
        left = recovery.left(user)
        changed(Action.RECOVERY_CODE_USED, user, by=Actor.of_user(user, where=where), left=left)
        notifications.notify(user, "recovery_code_used", {"left": left, "address": where.address})
    return proof
