"""A small WSGI server for the tests: a fixed number of threads, so that database connections last, and a clean end on SIGTERM.

Writes the port that it listens on to standard output, then serves. SIGTERM and SIGINT let running requests end and then
leave as production servers do: through Python's own exit, with its exit handlers.
"""

from __future__ import annotations

import contextlib
import signal
import socketserver
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.wsgi import get_wsgi_application

THREADS = 6


class Handler(WSGIRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class Server(WSGIServer):
    request_queue_size = 128
    pool = ThreadPoolExecutor(THREADS)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without HTTPServer's look-up of a host name
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.pool.submit(self.answer, request, client_address)

    def answer(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):  # the client went away
            self.finish_request(request, client_address)
        self.shutdown_request(request)


def leave(_number: int, _frame: Any) -> None:
    sys.exit(0)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    server = Server(("127.0.0.1", 0), Handler)
    server.set_app(get_wsgi_application())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
