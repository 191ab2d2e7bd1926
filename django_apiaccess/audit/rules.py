"""The registry of rules. A rule is a function that yields findings:

    @rule("keys.never-expires", Severity.MEDIUM, title="API keys without an end", why="...", fix="...", references=("ASVS 13.3.4",))
    def never_expires(audit: Audit) -> Iterator[Finding]:
        for key in ...:
            yield audit.found(key_subject(key), "never expires", fix=f"manage.py ...")

To add one: write it into the feature's `audit.py`, or into `access_audit.py` of any installed app. `tests/audit` asks of every rule that it
is documented, finds its planted weakness, and finds nothing in a clean project.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from django.utils.module_loading import autodiscover_modules

from .finding import Finding, Severity

if TYPE_CHECKING:
    from .run import Audit

Check = Callable[["Audit"], Iterator[Finding]]
ID: Final = re.compile(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*")
OWN: Final = (
    "django_apiaccess.audit.own",
    "django_apiaccess.access.audit",
    "django_apiaccess.keys.audit",
    "django_apiaccess.roles.audit",
    "django_apiaccess.tokens.audit",
    "django_apiaccess.mfa.audit",
    "django_apiaccess.passwords.audit",
    "django_apiaccess.events.audit",
    "django_apiaccess.authn.audit",
    "django_apiaccess.access.audit_people",
    "django_apiaccess.contrib.dot.audit",
)
"""Where our own rules are, by area. A string, not an import: the engine stands below the features."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it looks for, why that matters, how to mend it, and where it is written (ASVS id, RFC section, CWE)."""

    id: str
    severity: Severity
    title: str
    why: str
    fix: str
    references: tuple[str, ...]
    check: Check

    @property
    def area(self) -> str:
        """The word before the dot."""
        return self.id.partition(".")[0]


_rules: dict[str, Rule] = {}


def rule(
    id: str,  # noqa: A002 - it is the rule's id
    severity: Severity,
    *,
    title: str,
    why: str,
    fix: str,
    references: Iterable[str] = (),
) -> Callable[[Check], Check]:
    """Register a function as a rule. Raises `ValueError` for an id of another form or one that is taken."""

    def register(check: Check) -> Check:
        if not ID.fullmatch(id):
            raise ValueError(f"{id!r} is no rule id: write area.what-is-wrong, as keys.never-expires.")
        known = _rules.get(id)
        if known is not None and known.check.__qualname__ != check.__qualname__:
            raise ValueError(f"The rule {id} exists already.")
        _rules[id] = Rule(id, severity, title, why, fix, tuple(references), check)
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """Every rule, ours and the project's, by id."""
    for name in OWN:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    autodiscover_modules("access_audit")
    return tuple(_rules[name] for name in sorted(_rules))


def named(ids: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of these ids or areas. Raises `ValueError`, which names the nearest."""
    rules = all_rules()
    chosen: dict[str, Rule] = {}
    for wanted in ids:
        found = [each for each in rules if wanted in {each.id, each.area}]
        if not found:
            known = [*(each.id for each in rules), *(each.area for each in rules)]
            near = difflib.get_close_matches(wanted, known, n=1)
            raise ValueError(f"There is no rule {wanted!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        chosen.update((each.id, each) for each in found)
    return tuple(chosen.values())
