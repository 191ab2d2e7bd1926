"""A server on a port of its own that speaks as Twilio and Vonage do, well or badly."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

SID = "SM" + "0123456789abcdef" * 2


class Provider:
    """`asked` is what was asked for, as `(path, form)`. `serve` says what is answered from then on, `misbehave` how."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        self.raw: bytes | None = None
        self.drip = 0.0
        self.released = threading.Event()
        self.hangs = False
        self.claims_more = False
        self.serve(201, twilio_message())
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.asked.append((self.path, {name: each[0] for name, each in parse_qs(sent).items()}))
                provider.headers.append(dict(self.headers))
                if provider.hangs:
                    provider.released.wait(20)
                    return
                with suppress(OSError):
                    self._answer(sent)

            def _answer(self, sent: str) -> None:
                if provider.raw is not None:
                    self.wfile.write(provider.raw)
                    return
                status, headers, body = provider.answer
                body = body.replace(b"(what was sent)", json.dumps(sent).encode()[1:-1])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) + (100 if provider.claims_more else 0)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                step = 1 if provider.drip else len(body) or 1
                for start in range(0, len(body), step):
                    self.wfile.write(body[start : start + step])
                    time.sleep(provider.drip)

            do_GET = do_POST  # noqa: N815 - the name that http.server calls

            def log_message(self, *_args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_args: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, status: int, document: Any, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answer = (status, {"Content-Type": "application/json", **headers}, body)

    def refuse(self, status: int, code: Any) -> None:
        """As Twilio does: its text repeats the number."""
        self.serve(
            status, {"code": code, "message": "The 'To' number in (what was sent) is not right.", "status": status}
        )

    @property
    def basic(self) -> str:
        """The user name and password of the last request."""
        return base64.b64decode(self.headers[-1]["Authorization"].removeprefix("Basic ")).decode()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def twilio_message(**changes: Any) -> dict[str, Any]:
    """What Twilio answers to a message that it takes."""
    return {
        "account_sid": "AC" + "0" * 32, "api_version": "2010-04-01", "body": "(what was sent)", "date_created": "Tue, 24 Nov 2026",
        "date_sent": None, "direction": "outbound-api", "error_code": None, "error_message": None, "from": "+15005550006",
        "messaging_service_sid": None, "num_media": "0", "num_segments": "1", "price": None, "price_unit": "USD", "sid": SID,
        "status": "queued", "to": "(what was sent)", "uri": f"/2010-04-01/Accounts/AC/Messages/{SID}.json", **changes,
    }  # fmt: skip


def vonage_answer(*statuses: str, **changes: Any) -> dict[str, Any]:
    """What Vonage answers: one entry for each part of the message."""
    parts = [
        {"to": "31612345678", "message-id": f"aaaaaaaa-bbbb-cccc-dddd-00000000000{place}", "status": status, "network": "20408"}
        if status == "0"
        else {"status": status, "error-text": "(what was sent)"}
        for place, status in enumerate(statuses)
    ]  # fmt: skip
    return {"message-count": str(len(parts)), "messages": [{**part, **changes} for part in parts]}
