"""Running the expectations of `access_tests.yaml`: each is explained, and the verdict compared. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import ValidationError
from django.urls import Resolver404, resolve
from django.utils import timezone

from ..core import scopes as core_scopes
from ..exceptions import InvalidChange, UnknownName
from ..keys.service import service_account
from ..roles import names
from ..roles.policy import Policy
from .callers import Anonymous, Caller, Imagined, SignedIn, WithKey, WithScopes
from .cases import ALLOWED, REFUSED, Case
from .context import Context
from .explain import explain
from .explanation import Explanation
from .inventory import Endpoint, endpoints, routes
from .naming import key_named

PLACEHOLDER: Final = re.compile(r"\{[^{}/]+\}")
OURS: Final = f"{__package__.partition('.')[0]}."
STAND_INS: Final = ("1", "00000000-0000-0000-0000-000000000000", "a")
"""What may stand in a path for an object that is not named."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation. `got` is in the words of `expected`; where it could not be asked, it says why."""

    case: Case
    passed: bool
    got: str
    explanation: Explanation | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "line": self.case.line,
            "test": self.case.title,
            "because": self.case.because,
            "expected": self.case.expected,
            "got": self.got,
            "passed": self.passed,
            "explanation": None if self.explanation is None else self.explanation.as_dict(),
        }

    def lines(self) -> list[str]:
        """The difference for a person: what was expected and why, what came, and the way there."""
        why = [] if self.explanation is None else [line for part in self.explanation.parts for line in part.lines(1)]
        return [
            f"line {self.case.line}: {self.case.title}",
            f"  expected: {self.case.expected}, because: {self.case.because}",
            f"  got:      {self.got}",
            *why,
        ]


def run(case: Case, policy: Policy | None = None) -> Outcome:
    """Ask one. `policy`: the roles that there are, for imagined principals; None: those of the database."""
    try:
        found = explain(caller_of(case, policy), case.method, filled(case), context_of(case))
    except InvalidChange as error:
        return Outcome(case, False, f"not answerable: {error}")
    return Outcome(case, _as_expected(case.expected, found), _told(found), found)


def _as_expected(expected: str, found: Explanation) -> bool:
    if expected == ALLOWED:
        return found.allowed
    if expected == REFUSED:
        return not found.allowed
    if expected.isdecimal():
        return found.status == int(expected)
    return not found.allowed and found.reason is not None and found.reason.value == expected


def _told(found: Explanation) -> str:
    if found.allowed:
        return (
            "allowed" if found.status is None else f"allowed, answer {found.status}: there is no such object for them"
        )
    reason = found.reason.value if found.reason is not None else "a permission class of the view"
    return f"refused ({reason}, answer {found.status}): {found.detail}"


def caller_of(case: Case, policy: Policy | None = None) -> Caller:
    """Who asks. Raises `UnknownName`."""
    kind, name = case.who
    if kind == "anonymous":
        return Anonymous()
    if kind == "key":
        return WithKey(key_named(name))
    if kind == "role":
        if policy is None:
            names.role(name)
        elif policy.role(name) is None:
            known = [role.name for role in policy.by_role.values()]
            raise UnknownName(f"Unknown role {name!r}.{names.nearest(name, known)}", field="role")
        on = None if not case.object else _imagined_object(case.object)
        return Imagined(frozenset({name}), granted=case.scopes, on=on, policy=policy)
    user = names.user(name) if kind == "user" else service_account(name).user
    if case.scopes is None and kind == "user":
        return SignedIn(user)
    return WithScopes(user, case.scopes if case.scopes is not None else core_scopes.registry.names())


def _imagined_object(text: str) -> Any:
    label, _, pk = text.partition(":")
    try:
        model = apps.get_model(label)
        return model(pk=model._meta.pk.to_python(pk))
    except (LookupError, ValueError):
        known = [f"{model._meta.app_label}.{model.__name__}" for model in apps.get_models()]
        raise UnknownName(f"There is no object {text!r}.{names.nearest(label, known)}", field="object") from None
    except ValidationError:
        raise UnknownName(f"{pk!r} cannot be a primary key of {label}.", field="object") from None


def context_of(case: Case) -> Context:
    """Where from, when and how strongly."""
    at = datetime.fromisoformat(case.at) if case.at else None
    if at is not None and timezone.is_naive(at):
        at = at.replace(tzinfo=timezone.get_current_timezone())
    age = int(case.mfa_age.total_seconds())
    return Context(address=case.address, origin=case.origin, secure=case.tls, acr=case.mfa, auth_age=age, at=at)


def filled(case: Case) -> str:
    """The path with the object in its placeholders, or with something that the route takes."""
    if "{" not in case.path:
        return case.path
    pk = case.object.partition(":")[2] or case.object
    tries = (
        [pk.join(PLACEHOLDER.split(case.path))] if pk else [one.join(PLACEHOLDER.split(case.path)) for one in STAND_INS]
    )
    templates = {path for path, _callback, _name in routes()}
    for path in tries:
        if template_of(path) == case.path:
            return path
    hint = names.nearest(case.path, templates)
    raise UnknownName(f"No view at {case.path!r}.{hint}", field="path")


def template_of(path: str) -> str | None:
    """The route that a path takes, as show_access writes it."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    for template, callback, _name in routes():
        if callback is match.func and _fits(template, path):
            return template
    return None


def _fits(template: str, path: str) -> bool:
    parts = (re.escape(part) for part in PLACEHOLDER.split(template))
    return re.fullmatch("[^/]+".join(parts), path) is not None


def uncovered(cases: Iterable[Case]) -> list[Endpoint]:
    """Endpoints of DRF that no expectation speaks of. Those of this app itself are not the project's to test."""
    spoken: set[tuple[str, str]] = set()
    for case in cases:
        try:
            template = template_of(filled(case))
        except UnknownName:
            continue
        if template is not None:
            spoken.add((template, case.method))
    own = (one for one in endpoints() if one.is_drf and not one.view.startswith(OURS))
    return [one for one in own if (one.path, one.method) not in spoken]
