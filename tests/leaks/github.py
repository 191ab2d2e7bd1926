"""GitHub as far as a partner of its secret scanning sees it: a list of public keys on a port of its own, and signed alerts."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KID = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def entry(kid: str, key: Any, *, current: bool = True) -> dict[str, Any]:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"key_identifier": kid, "key": pem, "is_current": current}


class GitHub:
    """`answer` is (status, headers, body) of the list; `drip` seconds pass between its bytes; `asked` counts."""

    def __init__(self) -> None:
        self.key = new_key()
        self.kid = KID
        self.asked = 0
        self.elsewhere = 0
        self.drip = 0.0
        self.publish(entry(self.kid, self.key))
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/elsewhere":
                    github.elsewhere += 1
                github.asked += 1
                status, headers, body = github.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    step = 1 if github.drip else max(len(body), 1)
                    for start in range(0, len(body), step):
                        self.wfile.write(body[start : start + step])
                        time.sleep(github.drip)
                except OSError:
                    pass  # who asked has enough

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: Any) -> None:
                """Quiet."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/meta/public_keys/secret_scanning"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, *entries: Any) -> None:
        body = json.dumps({"public_keys": list(entries)}).encode()
        self.answer: tuple[int, dict[str, str], bytes] = (200, {"Content-Type": "application/json"}, body)

    def sign(self, body: bytes, key: Any = None) -> str:
        return base64.b64encode((key or self.key).sign(body, ec.ECDSA(SHA256()))).decode()

    def raw_signature(self, body: bytes) -> str:
        """R and s side by side, as JOSE has it."""
        r, s = utils.decode_dss_signature(self.key.sign(body, ec.ECDSA(SHA256())))
        return base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def alert(token: Any, **members: Any) -> dict[str, Any]:
    url = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"
    return {"token": token, "type": "mycompany_api_token", "url": url, "source": "content", **members}


def body_of(*alerts: Any) -> bytes:
    return json.dumps(list(alerts)).encode()
