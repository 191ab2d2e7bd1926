"""DRF authentication classes. `AccessAuthentication` takes every enabled kind; each kind also stands alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Never

from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from .authn import exposed, header, kinds, responses
from .authn.client import RequestClient, is_in_clear, where_of
from .authn.failures import charge, network_bucket
from .authn.possession import nonce_headers
from .conf import access_settings
from .core.access import Access, CredentialRef
from .core.reasons import Reason
from .edge import RateLimited, raise_answer
from .events.later import refused_later
from .events.record import refused
from .events.source import Actor
from .events.tags import Action
from .exceptions import InvalidCredential, IssuerUnavailable, TooManyFailures
from .passwords.service import PURPOSE as PASSWORD
from .passwords.sessions import is_pending, proof_of
from .permissions import guard_problem
from .roles.rights import access_of_user

WITHOUT_QUERY = frozenset(
    {
        Reason.MALFORMED,
        Reason.CHECKSUM,
        Reason.UNRECOGNISED,
        Reason.AMBIGUOUS_CREDENTIALS,
        Reason.INSECURE_TRANSPORT,
        Reason.BAD_SIGNATURE,
        Reason.UNKNOWN_KEY,
        Reason.UNTRUSTED_ISSUER,
    }
)
"""Refusals before any look-up: their events are written later, in batches, so that noise costs no query."""


GUESSES = {
    "api_key": frozenset({Reason.UNKNOWN, Reason.WRONG_SECRET}),
}
"""Refusals that count against the client's network: no holder of a good credential meets them. Passwords are counted in their
service. JWTs are not: a signature cannot be guessed, its refusal costs no query, and holders meet `unknown_key` after a rotation."""


def is_guess(error: InvalidCredential) -> bool:
    """Whether the refused credential was never a good one."""
    return error.reason in GUESSES.get(error.kind, ())


def _send(request: Request, headers: dict[str, str]) -> None:
    """Put headers on whatever the view will answer. DRF gives an authenticator no other way to one that succeeds."""
    view = request.parser_context.get("view")
    if headers and view is not None:
        view.headers = {**getattr(view, "headers", {}), **headers}


def is_noise(error: InvalidCredential) -> bool:
    """Whether anybody can make such a text, and nothing counts how often."""
    return error.foreign and error.kind not in GUESSES


class AccessAuthentication(BaseAuthentication):
    """Tries every enabled credential kind by the form of the header; without a header, the session.

    Sets `request.user` to the principal and `request.auth` to an `Access`. A scoped credential is refused (403 `undeclared`) on a view
    that `HasAccess` does not guard: other permission classes know nothing of scopes.
    """

    only: ClassVar[str | None] = None

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        if header.is_dpop(request._request.META):
            _send(request, nonce_headers())
        try:
            access = self._access(request)
        except InvalidCredential as error:
            self._refuse(error, request)
        if access is None:
            return None
        if access.scoped:
            # as DRF will: the view's get_permissions, which is looked at now, may ask who it is
            request.__dict__.update(_user=access.principal, _auth=access)
            problem = guard_problem(request)
            if problem:
                by = Actor("credential", access.credential.label, where=where_of(request))
                refused(Action.ACCESS_DENIED, Reason.UNDECLARED, by=by, credential=access.credential, detail=problem)
                raise_answer(responses.UNDECLARED)
        return access.principal, access

    def _access(self, request: Request) -> Access | None:
        try:
            return self._verified(request)
        except TooManyFailures as error:
            raise RateLimited(error.wait, "Too many failed attempts.", "too_many_failures") from None
        except IssuerUnavailable:
            raise_answer(responses.ISSUER_UNAVAILABLE)

    def _verified(self, request: Request) -> Access | None:
        http = request._request
        presented = header.presented(http.META) if self.only != "session" else None
        in_clear = is_in_clear(http)
        if presented is None:
            if in_clear and self.takes("session") and access_settings.session_cookie in http.COOKIES:
                raise InvalidCredential(Reason.INSECURE_TRANSPORT, "session cookie over plain HTTP")
            return self.session_access(http) if self.takes("session") else None
        if in_clear:
            exposed.end(presented, RequestClient(http))
            raise InvalidCredential(Reason.INSECURE_TRANSPORT, f"{presented.scheme} credential over plain HTTP")
        foreign: InvalidCredential | None = None
        for kind in kinds.enabled_kinds():
            if self.only in {None, kind.name} and kind.recognises(presented):
                try:
                    return kind.authenticate(presented, RequestClient(http))
                except InvalidCredential as error:
                    if not error.foreign:
                        raise
                    foreign = foreign or error
        if self._is_last(request):
            raise foreign or InvalidCredential(
                Reason.UNRECOGNISED, f"no enabled kind takes this {presented.scheme} credential"
            )
        return None

    def takes(self, name: str) -> bool:
        """Whether it accepts credentials of the kind `name`."""
        return name in access_settings.CREDENTIALS if self.only is None else name == self.only

    def _is_last(self, request: Request) -> bool:
        """Whether no other authenticator could still know the credential."""
        authenticators = request.authenticators or ()
        return not authenticators or authenticators[-1] is self

    def accepts(self, access: Access) -> bool:
        """Whether a verified access is of those that this class is for."""
        return True

    def session_access(self, http: Any, *, at: datetime | None = None) -> Access | None:
        """What the session of a Django request gives at a moment (now); None: nobody's. Raises `InvalidCredential`."""
        user = getattr(http, "apiaccess_pending_user", None) or getattr(http, "user", None)
        if user is None or not user.is_active or user.is_anonymous:
            return None
        session = getattr(http, "session", None)
        if is_pending(session):  # a password alone: it is nobody's session yet
            raise InvalidCredential(
                Reason.MFA_REQUIRED, kind="session", principal_id=user.pk, credential_label=str(user)
            )
        problem = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        problem.process_request(http)
        if problem.process_view(http, None, (), {}):  # type: ignore[arg-type]
            raise InvalidCredential(Reason.CSRF, kind="session", principal_id=user.pk, credential_label=str(user))
        return access_of_user(user, at=at, can_step_up=True, **proof_of(session))

    def _refuse(self, error: InvalidCredential, request: Request) -> Never:
        where = where_of(request)
        answer = responses.for_credential(error.reason, error.kind, error.detail)
        wait = charge(network_bucket("credential", where.address)) if is_guess(error) else 0.0
        if wait:
            refused_later(Action.CREDENTIAL_REFUSED, Reason.TOO_MANY_FAILURES, where=where)
            raise RateLimited(wait, "Too many failed attempts.", "too_many_failures")
        if error.kind == PASSWORD:
            pass  # written where it was checked
        elif (error.reason in WITHOUT_QUERY and not error.credential_id) or is_noise(error):
            refused_later(Action.CREDENTIAL_REFUSED, error.reason, where=where, detail=error.detail)
        else:
            credential = CredentialRef(error.kind, error.credential_id, error.credential_label) if error.kind else None
            by = Actor("anonymous", "", str(error.principal_id or ""), where=where)
            refused(
                Action.CREDENTIAL_REFUSED,
                error.reason,
                by=by,
                credential=credential,
                outcome="failed",
                detail=error.detail,
            )
        raise_answer(answer, request)

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; `edge.Refused` brings its own, more precise one."""
        return responses.challenges_of(responses.NOT_AUTHENTICATED)


class APIKeyAuthentication(AccessAuthentication):
    """API keys only."""

    only = "api_key"


class SessionAuthentication(AccessAuthentication):
    """Django sessions only, with CSRF protection; `request.auth` is an unscoped `Access`."""

    only = "session"


class JWTAuthentication(AccessAuthentication):
    """JWT access tokens only: our own, and those of `TRUSTED_ISSUERS`."""

    only = "jwt"


class OAuth2Authentication(JWTAuthentication):
    """Access tokens that were given to an OAuth 2 client only (`contrib.oauth`, `TRUSTED_ISSUERS`): not those of our own log-in."""

    def accepts(self, access: Access) -> bool:
        return not access.first_party

    def _verified(self, request: Request) -> Access | None:
        access = super()._verified(request)
        if access is not None and not self.accepts(access):
            if not self._is_last(request):
                return None
            raise InvalidCredential(
                Reason.OTHER_CLIENT,
                "a token of our own log-in, where those of OAuth clients are taken",
                kind=access.credential.kind,
                credential_id=access.credential.id,
                credential_label=access.credential.label,
            )
        return access


class BasicAuthentication(AccessAuthentication):
    """User name and password with each request (RFC 7617) only."""

    only = "basic"
