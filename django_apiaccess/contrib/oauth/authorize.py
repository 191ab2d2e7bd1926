"""`authorize/`: where a person lets a client in (RFC 6749 section 3.1). What a form sends is judged from the start, like a new request."""

from __future__ import annotations

import secrets as random
import time
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_protect

from ...authn.client import is_secure, where_of
from ...conf import access_settings
from ...core.jwk import THUMBPRINT
from ...core.scopes import dump
from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from ...pages import places
from ...tokens.ending import end_oldest
from . import clients, codes, consents, granting, options, pages, proof, pushed, server
from .consent_page import context_of
from .errors import OAuthError, UnverifiedRequest
from .models import Consent, OAuthClient
from .parameters import Parameters, of_query, with_query
from .server import AuthorizationRequest

HANDLE: Final = "pushed"
"""The parameter by which a browser goes on with a pushed request that it opened."""
KEPT: Final = "apiaccess_oauth_requests"
KEPT_SECONDS: Final = 1800
MOST_KEPT: Final = 5
MAX_NONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is right, and the person who is asked."""

    request: AuthorizationRequest
    user: Any
    scopes: frozenset[str]
    consent: Consent | None


@method_decorator(csrf_protect, name="dispatch")
class AuthorizeView(View):
    """GET shows the question, POST is the answer to it."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        posted = request.method == "POST"
        if request.method not in {"GET", "POST"}:
            return self.http_method_not_allowed(request)
        parameters = Parameters()
        try:
            if access_settings.REQUIRE_TLS and not is_secure(request):
                raise UnverifiedRequest("invalid_request", "Use https.")
            parameters = self._parameters(request)
            return self._answer(request, parameters, posted=posted)
        except _Elsewhere as there:
            return there.response
        except OAuthError as error:
            if not error.redirect_uri or not _may_return(request, parameters):
                return pages.problem(request, error)
            return pages.redirect(error.redirect_uri, answer(parameters, error.body()), posted=posted)

    def _parameters(self, request: HttpRequest) -> Parameters:
        """Those of the query, or of the pushed request that it names (RFC 9126): that one is kept for this browser, under a handle."""
        given = of_query(request.META.get("QUERY_STRING", ""))
        client_id = given.get("client_id", "")
        if "request_uri" in given and given["request_uri"].startswith(pushed.URN) and not given.repeated:
            query = with_query("", pushed.take(given["request_uri"], client_id).pairs()).lstrip("?")
            handle = _keep(request, query)
            target = with_query(request.path, [("client_id", client_id), (HANDLE, handle)])
            raise _Elsewhere(pages.redirect(target, [], posted=True))
        if HANDLE not in given:
            return given
        query, since = request.session.get(KEPT, {}).get(given[HANDLE], ("", 0.0))
        parameters = of_query(query)
        if time.time() - since > KEPT_SECONDS or parameters.get("client_id") != client_id:
            raise UnverifiedRequest("invalid_request", "The request has expired. Begin again in the application.")
        parameters.pushed = True
        if proof.STAMP in given:
            parameters[proof.STAMP] = given[proof.STAMP]
        return parameters

    def _answer(self, request: HttpRequest, parameters: Parameters, *, posted: bool) -> HttpResponse:
        asked = server.authorization(parameters)
        try:
            person = self._person(request, asked)
            if isinstance(person, HttpResponse):
                return person
            return self._decide(request, person, posted=posted)
        except OAuthError as error:
            error.redirect_uri = asked.redirect_uri
            raise

    def _person(self, request: HttpRequest, asked: AuthorizationRequest) -> Asked | HttpResponse:
        """Who is asked, logged in as the client wishes; or the way to the log-in page. Raises `OAuthError`."""
        parameters, client = asked.parameters, asked.client
        if (options.entry("PAR_REQUIRED") or client.par_required) and not parameters.pushed:
            raise OAuthError("invalid_request", "Push the request first: the client must use pushed requests.")
        policy = proof.policy_of(parameters)
        if len(parameters.get("nonce", "")) > MAX_NONCE:
            raise OAuthError("invalid_request", f"nonce is longer than {MAX_NONCE} characters.")
        if not THUMBPRINT.fullmatch(parameters.get("dpop_jkt", "A" * 43)):
            raise OAuthError("invalid_request", "dpop_jkt is no thumbprint.")
        user: Any = request.user
        known = user.is_authenticated and user.is_active
        problem = proof.proof_problem(request, policy) if known else proof.LOG_IN
        if problem == proof.LOG_IN:
            if "none" in policy.prompts:
                raise OAuthError("login_required", "The person must log in.")
            return _to_login(request, parameters)
        if problem == proof.PROVE and "none" not in policy.prompts and places.are_routed():
            return _to_second_factor(request, parameters)
        if problem == proof.PROVE:
            raise OAuthError("interaction_required", "The person must prove a second factor.")
        if problem is not None:
            raise OAuthError("unmet_authentication_requirements", "The person cannot log in that strongly.")
        scopes = granting.within_held(user, asked.scopes)
        if asked.scopes and not scopes:
            raise OAuthError("access_denied", "The account holds none of the scopes.")
        return Asked(asked, user, scopes, consents.of(client, user))

    def _decide(self, request: HttpRequest, asked: Asked, *, posted: bool) -> HttpResponse:
        parameters = asked.request.parameters
        prompts = proof.policy_of(parameters).prompts
        spared = consents.spares_the_page(asked.request.client, asked.consent, asked.scopes, asked.request.resource)
        if spared and "consent" not in prompts:
            return self._approve(request, asked, posted=posted, remember=False)
        if "none" in prompts:
            raise OAuthError("consent_required", "The person must be asked.")
        decision = request.POST.get("decision") if posted else None
        if decision == "deny":
            by = Actor.of_user(asked.user, where=where_of(request))
            changed(Action.CONSENT_DENIED, asked.request.client, by=by, scope=dump(asked.scopes))
            raise OAuthError("access_denied", "The person said no.")
        if decision == "allow" and request.POST.get("shown") == dump(asked.scopes):
            return self._approve(request, asked, posted=True, remember=True)
        context = context_of(asked.request, asked.user, asked.scopes, asked.consent)
        context["switch_url"] = redirect_to_login(request.get_full_path(), access_settings.login_url).url
        return pages.page(request, "consent.html", context, redirect_uri=asked.request.redirect_uri)

    def _approve(self, request: HttpRequest, asked: Asked, *, posted: bool, remember: bool) -> HttpResponse:
        """A code for what was asked. The bound of sessions is kept here: exchanging the code adds one."""
        parameters, client, where = asked.request.parameters, asked.request.client, where_of(request)
        proved = proof.proof_of_request(request)
        end_oldest(asked.user, by=Actor.of_user(asked.user, where=where), room=1)
        with transaction.atomic():
            if remember:
                consents.give(client, asked.user, scopes=asked.scopes, resource=asked.request.resource, where=where)
            code = codes.give(
                client,
                asked.user,
                scopes=asked.scopes,
                resource=asked.request.resource,
                redirect_uri=parameters.get("redirect_uri", ""),
                code_challenge=parameters["code_challenge"],
                nonce=parameters.get("nonce", ""),
                dpop_jkt=parameters.get("dpop_jkt", ""),
                auth_time=proved.auth_time,
                amr=" ".join(proved.amr),
                acr=proved.acr,
            )
        return pages.redirect(asked.request.redirect_uri, answer(parameters, {"code": code}), posted=posted)


class _Elsewhere(Exception):
    """No error: the browser is sent on."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def _may_return(request: HttpRequest, parameters: Parameters) -> bool:
    """Whether an error sends the browser on. Not before somebody is logged in, to an address that nobody vouches for: a client that
    registered itself could else send anybody anywhere in our name (RFC 9700 section 4.11.2).
    """
    client = clients.find(parameters.get("client_id", ""))
    return request.user.is_authenticated or (client is not None and client.origin != OAuthClient.Origin.DYNAMIC)


def answer(parameters: Parameters, body: dict[str, str]) -> list[tuple[str, str]]:
    """The parameters of a redirect to the client: with its `state` as it came, and who answers (RFC 9207)."""
    state = [("state", parameters["state"])] if "state" in parameters and "state" not in parameters.repeated else []
    return [*body.items(), *state, ("iss", access_settings.ISSUER)]


def _to_login(request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """To the site's log-in page, and back here: a log-in after that is one for this request."""
    target = _back(request, proof.stamped(parameters))
    return pages.protected(redirect_to_login(target, access_settings.login_url))


def _to_second_factor(request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """To the page where a second factor is proven, and back here."""
    target = _back(request, proof.stamped(parameters, proving=True))
    return pages.protected(HttpResponseRedirect(places.address_of(places.VERIFY, then=target)))


def _back(request: HttpRequest, stamp: str) -> str:
    """The address of this very request, with a signed word of when it was left."""
    given = of_query(request.META.get("QUERY_STRING", ""))
    pairs = [(name, value) for name, value in given.pairs() if name != proof.STAMP]
    return with_query(request.path, [*pairs, (proof.STAMP, stamp)])


def _keep(request: HttpRequest, query: str) -> str:
    """Keep a pushed request in the browser's session; the few newest ones."""
    kept = dict(request.session.get(KEPT, {}))
    for old in sorted(kept, key=lambda name: kept[name][1])[: max(0, len(kept) - MOST_KEPT + 1)]:
        del kept[old]
    handle = random.token_urlsafe(16)
    kept[handle] = [query, time.time()]
    request.session[KEPT] = kept
    return handle
