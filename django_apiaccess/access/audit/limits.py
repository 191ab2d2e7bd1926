"""Endpoints where nothing counts."""

from __future__ import annotations

from collections.abc import Iterator

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import THROTTLE, drf, is_among
from .views import by_view, drf_endpoints, is_default, is_safe, names_of, view_subject


@rule(
    "endpoints.throttle-missing",
    Severity.MEDIUM,
    title="The rate of a credential is not kept",
    why="A key with a rate (100/min) may call as often as it likes where AccessRateThrottle is not among the throttles.",
    fix=f'REST_FRAMEWORK = {{..., "DEFAULT_THROTTLE_CLASSES": ["{THROTTLE}"]}}',
    references=("ASVS 2.4.1", "API4:2023", "CWE-770"),
)
def throttle_missing(audit: Audit) -> Iterator[Finding]:
    found = [endpoint for endpoint in drf_endpoints(audit) if endpoint.takes_credentials and not endpoint.throttled]
    if found and not is_among(THROTTLE, drf("DEFAULT_THROTTLE_CLASSES")):
        yield audit.found(
            places.setting('REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"]'),
            "does not hold AccessRateThrottle, so no view without throttles of its own keeps rates",
        )
    own = [endpoint for endpoint in found if not is_default(endpoint, "throttles", "DEFAULT_THROTTLE_CLASSES")]
    for group in by_view(own):
        named = names_of(group[0].throttles)
        yield audit.found(
            view_subject(group),
            f"its throttles are {named}: the rate of a credential is not kept there",
            fix=f"throttle_classes = [{', '.join(['AccessRateThrottle', *map(_name, group[0].throttles)])}]",
            severity=Severity.LOW,
        )


def _name(cls: object) -> str:
    return getattr(cls, "__name__", str(cls))


@rule(
    "endpoints.public-unlimited",
    Severity.LOW,
    title="Anybody may call it without a limit",
    why="An endpoint that takes changes without a credential invites guessing, spam and load; only an address can be counted there.",
    fix='throttle_classes = [AnonRateThrottle]  # and REST_FRAMEWORK = {..., "DEFAULT_THROTTLE_RATES": {"anon": "30/min"}}',
    references=("ASVS 2.4.1", "API4:2023", "CWE-799"),
)
def public_unlimited(audit: Audit) -> Iterator[Finding]:
    found = [each for each in drf_endpoints(audit) if each.guarded and each.public and not is_safe(each)]
    for group in by_view(found):
        if not any(_counts_anybody(cls) for cls in group[0].throttles):
            yield audit.found(
                view_subject(group), "takes changes from anybody, and no throttle counts callers without a credential"
            )


def _counts_anybody(cls: object) -> bool:
    """Whether a throttle is one that a caller without a credential meets: any but ours."""
    return not is_among(THROTTLE, [cls])
