"""django_apiaccess as its README installs it: key, principal, scope and role decided, rate asked, use counted."""

from __future__ import annotations

from typing import Any

from .base import Contender, bearer

PEPPERS = ["benchmark-pepper-0123456789abcdef-0123456789"]
SCOPES = frozenset({"shop:read"})


class Ours(Contender):
    name, label, package = "ours", "django_apiaccess: API key, scope and role", "django_apiaccess"
    api_access = {"PEPPERS": PEPPERS}

    def options(self) -> dict[str, Any]:
        from django_apiaccess import HasRole, HasScope
        from django_apiaccess.authentication import AccessAuthentication
        from django_apiaccess.permissions import HasAccess
        from django_apiaccess.throttling import AccessRateThrottle

        return {
            "authentication_classes": [AccessAuthentication],
            "permission_classes": [HasAccess],
            "throttle_classes": [AccessRateThrottle],
            "access": HasScope("shop:read") & HasRole("clerk"),
        }

    def issue(self, user: Any) -> dict[str, str]:
        from django_apiaccess.events.source import Actor
        from django_apiaccess.keys import service as keys
        from django_apiaccess.roles import service as roles

        by = Actor.command("benchmark")
        if not user.apiaccess_grants.exists():
            roles.save_role(name="clerk", scopes=["shop:read"], by=by)
            roles.grant(user=user, role="clerk", by=by)
        issued = keys.issue(principal=user, name="benchmark", scopes=["shop:read"], by=by)
        return bearer("Api-Key", issued.text)

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        from django_apiaccess.core.secrets import make_key

        unknown = make_key("ak").text
        return {
            "mistyped": bearer("Api-Key", unknown[:-1] + ("a" if unknown[-1] != "a" else "b")),
            "unknown": bearer("Api-Key", unknown),
        }


class OursCached(Ours):
    name, label = "ours_cached", "django_apiaccess, CACHE_SECONDS = 30"
    api_access = {"PEPPERS": PEPPERS, "CACHE_SECONDS": 30, "MAX_REVOCATION_LAG": 5}


class OursJWT(Ours):
    """Signature, session, user, grants and revocation: seen at every request."""

    name, label = "ours_jwt", "django_apiaccess: JWT (EdDSA), revocable at the next request"

    def issue(self, user: Any) -> dict[str, str]:
        from django.utils import timezone

        from django_apiaccess.events.source import Where
        from django_apiaccess.tokens import service

        super().issue(user)  # role and grant
        proof = service.Proof(("pwd",), "aal1", timezone.now())
        return bearer("Bearer", service.begin(user, proof=proof, where=Where(), scopes=SCOPES).access_token)

    def refused(self, user: Any) -> dict[str, dict[str, str]]:
        header, payload, signature = self.issue(user)["HTTP_AUTHORIZATION"].split()[1].split(".")
        return {"forged": bearer("Bearer", f"{header}.{payload}.{signature[::-1]}")}


class OursJWTCached(OursJWT):
    name, label = "ours_jwt_cached", "django_apiaccess: JWT, CACHE_SECONDS = 30"
    api_access = OursCached.api_access


CONTENDERS = (Ours, OursCached, OursJWT, OursJWTCached)
