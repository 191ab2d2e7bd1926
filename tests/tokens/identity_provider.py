"""A second server, on a port of its own, that publishes keys and issues tokens with joserfc as Keycloak, Auth0 and Entra ID do."""

from __future__ import annotations

import json
import ssl
import threading
import time
import uuid
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

AUDIENCE = "https://api.example"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"})
"""Another provider's key under the same id."""
EC = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed-1", "use": "sig", "alg": "EdDSA"})


class Provider:
    """An authorization server. `answers[path]` is `(status, headers, body)`; `asked` is the list of the paths that were fetched."""

    def __init__(self, *keys: Any, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.drip = 0.0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                status, headers, body = provider.answers.get(self.path, (404, {}, b"{}"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for start in range(0, len(body), len(body) if not provider.drip else 1):
                        self.wfile.write(body[start : start + (len(body) if not provider.drip else 1)])
                        time.sleep(provider.drip)
                except OSError:
                    pass  # who asked has enough

            def log_message(self, *_args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_args: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}/realms/acme"
        self.publish(*(keys or (RSA, EC, ED)))
        self.serve("/realms/acme/.well-known/openid-configuration", {"issuer": self.issuer, "jwks_uri": self.jwks_uri})
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/certs"

    def serve(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, {"Content-Type": "application/json", **headers}, body)

    def publish(self, *keys: Any, **extra: Any) -> None:
        """A JWK set of these keys: joserfc's, or JWKs as they are."""
        listed = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]
        self.serve("/realms/acme/certs", {"keys": listed, **extra})

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The entry of TRUSTED_ISSUERS for it."""
        return {
            "issuer": self.issuer,
            "audience": AUDIENCE,
            "algorithms": ["RS256", "ES256", "EdDSA"],
            "scopes": {"read:docs": "docs:read", "write:docs": "docs:write"},
            "allow_http": True,
            "allow_private": True,
            **changes,
        }

    # -- what the products put into an access token

    def keycloak(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "typ": "Bearer", "azp": "frontend", "sid": str(uuid.uuid4()), "acr": "1", "scope": "openid profile read:docs",
            "email_verified": True, "preferred_username": "ann", "realm_access": {"roles": ["editors", "offline_access"]},
            "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}}, "allowed-origins": ["https://app.example"],
        }  # fmt: skip
        return {**self._common(), **claims, **changes}

    def auth0(self, **changes: Any) -> dict[str, Any]:
        audience = [AUDIENCE, "https://acme.eu.auth0.com/userinfo"]
        return {
            **self._common(),
            "aud": audience,
            "azp": "frontend",
            "scope": "openid",
            "permissions": ["read:docs"],
            **changes,
        }

    def entra(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "ver": "2.0", "azp": "6e74172b", "azpacr": "1", "oid": str(uuid.uuid4()), "scp": "read:docs", "roles": ["editors"],
            "tid": "9188040d", "uti": "x", "aio": "y", "rh": "z",
        }  # fmt: skip
        return {**self._common(), **claims, **changes}

    def rfc9068(self, **changes: Any) -> dict[str, Any]:
        claims = {"client_id": "frontend", "scope": "read:docs", "auth_time": int(time.time())}
        return {**self._common(), **claims, **changes}

    def _common(self) -> dict[str, Any]:
        moment = int(time.time())
        return {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "subject-1", "iat": moment, "exp": moment + 300, "jti": str(uuid.uuid4()),
        }  # fmt: skip


def issue(claims: dict[str, Any], key: Any = RSA, **header: Any) -> str:
    """Signed with joserfc."""
    algorithm = header.pop("alg", None) or key.as_dict(private=False)["alg"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "EdDSA" has a successor in RFC 9864, which few speak yet
        return jwt.encode(
            {"typ": "JWT", "kid": key.kid, "alg": algorithm, **header}, claims, key, algorithms=[algorithm]
        )
