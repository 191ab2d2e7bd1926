"""DRF authentication classes. `AccessAuthentication` takes every enabled kind; each kind also stands alone."""

from __future__ import annotations

from typing import Any, ClassVar, Never

from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from .authn import header, kinds, responses
from .authn.client import RequestClient, where_of
from .conf import access_settings
from .core.access import Access, CredentialRef
from .core.reasons import Reason
from .edge import raise_answer
from .events.later import refused_later
from .events.record import refused
from .events.source import Actor, Where
from .events.tags import Action
from .exceptions import InvalidCredential
from .permissions import guard_problem
from .roles.rights import access_of_user

WITHOUT_QUERY = frozenset(
    {Reason.MALFORMED, Reason.CHECKSUM, Reason.UNRECOGNISED, Reason.AMBIGUOUS_CREDENTIALS, Reason.INSECURE_TRANSPORT}
)
"""Refusals before any look-up: their events are written later, in batches, so that noise costs no query."""


class AccessAuthentication(BaseAuthentication):
    """Tries every enabled credential kind by the form of the header; without a header, the session.

    Sets `request.user` to the principal and `request.auth` to an `Access`. A scoped credential is refused (403 `undeclared`) on a view
    that `HasAccess` does not guard: other permission classes know nothing of scopes.
    """

    only: ClassVar[str | None] = None

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        try:
            access = self._access(request)
        except InvalidCredential as error:
            self._refuse(error, where_of(request))
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
        http = request._request
        presented = header.presented(http.META) if self.only != "session" else None
        if presented is None:
            return self._session(http) if self.takes("session") else None
        if access_settings.REQUIRE_TLS and not http.is_secure():
            raise InvalidCredential(Reason.INSECURE_TRANSPORT, f"{presented.scheme} credential over plain HTTP")
        for kind in kinds.enabled_kinds():
            if self.only in {None, kind.name} and kind.recognises(presented):
                try:
                    return kind.authenticate(presented, RequestClient(http))
                except InvalidCredential as error:
                    if not error.foreign or self._is_last(request):
                        raise
        if self._is_last(request):
            raise InvalidCredential(Reason.UNRECOGNISED, f"no enabled kind takes this {presented.scheme} credential")
        return None

    def takes(self, name: str) -> bool:
        """Whether it accepts credentials of the kind `name`."""
        return name in access_settings.CREDENTIALS if self.only is None else name == self.only

    def _is_last(self, request: Request) -> bool:
        """Whether no other authenticator could still know the credential."""
        authenticators = request.authenticators or ()
        return not authenticators or authenticators[-1] is self

    def _session(self, http: Any) -> Access | None:
        user = getattr(http, "user", None)
        if user is None or not user.is_active or user.is_anonymous:
            return None
        problem = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        problem.process_request(http)
        if problem.process_view(http, None, (), {}):  # type: ignore[arg-type]
            raise InvalidCredential(Reason.CSRF, kind="session", principal_id=user.pk, credential_label=str(user))
        return access_of_user(user)

    def _refuse(self, error: InvalidCredential, where: Where) -> Never:
        answer = responses.for_credential(error.reason)
        if error.reason in WITHOUT_QUERY:
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
        raise_answer(answer)

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; `edge.Refused` brings its own, more precise one."""
        return responses.NOT_AUTHENTICATED.challenge


class APIKeyAuthentication(AccessAuthentication):
    """API keys only."""

    only = "api_key"


class SessionAuthentication(AccessAuthentication):
    """Django sessions only, with CSRF protection; `request.auth` is an unscoped `Access`."""

    only = "session"
