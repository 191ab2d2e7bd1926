"""Other authentication classes beside ours: credentials without scopes, without their delays and without their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import AUTHENTICATION, drf
from .views import by_view, drf_endpoints, is_a, is_default, view_subject

SETTING: Final = 'REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]'
SESSION: Final = "rest_framework.authentication.SessionAuthentication"
DRF: Final = "rest_framework.authentication"
OAUTH2: Final = "oauth2_provider.contrib.rest_framework.authentication.OAuth2Authentication"
NO_SCOPES: Final = "takes tokens that may do all that their user may"
KNOWN: Final = (
    (f"{DRF}.BasicAuthentication", Severity.HIGH, "takes passwords without our delays and second factors", '"basic"'),
    (f"{DRF}.RemoteUserAuthentication", Severity.HIGH, "believes a header about who calls", '"session"'),
    (SESSION, Severity.LOW, "brings sessions in without their second factor being asked", '"session"'),
    (f"{DRF}.TokenAuthentication", Severity.MEDIUM, f"{NO_SCOPES}, and that never end", '"api_key"'),
    ("knox.auth.TokenAuthentication", Severity.MEDIUM, NO_SCOPES, '"api_key"'),
    ("rest_framework_simplejwt.authentication.JWTAuthentication", Severity.MEDIUM, NO_SCOPES, '"jwt"'),
    (OAUTH2, Severity.MEDIUM, "takes tokens whose scopes nothing here asks for", '"jwt"'),
)
"""Class, how bad, what it does, and our kind that takes its place."""


def _is_ours(cls: Any) -> bool:
    return is_a(cls, AUTHENTICATION)


def _judged(cls: Any) -> tuple[Severity, str, str]:
    for name, severity, does, kind in KNOWN:
        if is_a(cls, name):
            return severity, does, kind
    return Severity.MEDIUM, "lets callers in whose credential has no scopes", '"api_key"'


@rule(
    "endpoints.other-authentication",
    Severity.MEDIUM,
    title="Other authentication classes beside ours",
    why="Who comes in by another class has no scopes, no restrictions and no ceiling: HasAccess sees all that the user holds.",
    fix=f'REST_FRAMEWORK = {{..., "DEFAULT_AUTHENTICATION_CLASSES": ["{AUTHENTICATION}"]}}',
    references=("ASVS 6.3.4", "ASVS 8.2.1", "API2:2023", "CWE-288"),
)
def other_authentication(audit: Audit) -> Iterator[Finding]:
    found = drf_endpoints(audit)
    default = [cls for cls in drf("DEFAULT_AUTHENTICATION_CLASSES") if not _is_ours(cls)]
    using = [each for each in found if is_default(each, "authenticators", "DEFAULT_AUTHENTICATION_CLASSES")]
    if using:
        for cls in default:
            severity, does, kind = _judged(cls)
            message = f"{cls.__name__} {does}"
            fix = f'{audit.rule.fix if audit.rule else ""}\nAPI_ACCESS = {{..., "CREDENTIALS": [..., {kind}]}}'
            yield audit.found(places.setting(SETTING), message, severity=severity, fix=fix, aspect=_name(cls))
    own = [each for each in found if not is_default(each, "authenticators", "DEFAULT_AUTHENTICATION_CLASSES")]
    for group in by_view(own):
        for cls in group[0].authenticators:
            if not _is_ours(cls):
                severity, does, kind = _judged(cls)
                fix = f"authentication_classes = [AccessAuthentication]  # and {kind} in CREDENTIALS"
                yield audit.found(
                    view_subject(group), f"{cls.__name__} {does}", severity=severity, fix=fix, aspect=_name(cls)
                )


def _name(cls: Any) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@rule(
    "endpoints.csrf-disabled",
    Severity.HIGH,
    title="Session authentication without CSRF protection",
    why="The class takes the session cookie and skips the CSRF check: any web page makes a visitor's browser change things here.",
    fix='authentication_classes = [AccessAuthentication]  # "session" in CREDENTIALS: it asks for the CSRF token itself',
    references=("ASVS 3.5.1", "CWE-352"),
)
def csrf_disabled(audit: Audit) -> Iterator[Finding]:
    for group in by_view(drf_endpoints(audit)):
        for cls in group[0].authenticators:
            if is_a(cls, SESSION) and _skips_csrf(cls):
                yield audit.found(view_subject(group), f"{cls.__name__} overrides enforce_csrf", aspect=_name(cls))


def _skips_csrf(cls: Any) -> bool:
    owner = next((base for base in cls.__mro__ if "enforce_csrf" in vars(base)), None)
    return owner is not None and f"{owner.__module__}.{owner.__qualname__}" != SESSION
