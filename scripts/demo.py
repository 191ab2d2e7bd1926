"""`make demo`: migrate, seed, start the example project's server, and print `curl` lines that work when pasted."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from servers import exit_on_signals, ignore_signals, stop, wait_for

MANAGE = Path(__file__).resolve().parent.parent / "example_project" / "manage.py"
HOST = "127.0.0.1"
ACCESS_TOKEN = """sed 's/.*"access_token":"\\([^"]*\\).*/\\1/'"""
"""Takes the access token out of the answer to a log-in, where there may be no jq."""


class DemoError(Exception):
    """The demo cannot go on; the message says why, in one line."""


def port_number(text: str) -> int:
    """A port that a user may listen on."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: it must be a number from 1 to 65535")
    return int(text)


def refuse_taken_port(port: int) -> None:
    """Raise where the port cannot be had, before anything is changed: another demo's keys must go on working."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Django does
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise DemoError(f"Port {port} needs root. Choose another: make demo PORT=8001") from None
        except OSError:
            other = 8001 if port != 8001 else 8002
            raise DemoError(f"Port {port} is taken. Choose another: make demo PORT={other}") from None


def manage(*arguments: str, capture: bool = False) -> str:
    """Run a management command of the example project, out of the terminal's reach: Ctrl-C is ours to handle."""
    command = subprocess.Popen(
        [sys.executable, str(MANAGE), *arguments],
        stdout=subprocess.PIPE if capture else None,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        output, _errors = command.communicate()
    finally:
        stop(command, signal.SIGTERM)
    if command.returncode != 0:
        raise DemoError(f"`manage.py {' '.join(arguments)}` failed, see above.")
    return output.decode() if output else ""


def answering(url: str) -> Callable[[], bool]:
    """A question for `wait_for`: does the server answer with 200?"""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - always http on loopback
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return ask


def first_id(url: str, key: str) -> int:
    """The id of the first row of a list."""
    asked = urllib.request.Request(url, headers={"X-API-Key": key})  # noqa: S310 - always http on loopback
    with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310
        return int(json.load(response)["results"][0]["id"])


def at_localhost(base: str) -> str:
    """The same server by its name: passkeys belong to a name, never to an address."""
    return base.replace(HOST, "localhost")


def guide(base: str, seeded: dict[str, dict[str, dict[str, str]]]) -> str:
    """What to try, with this run's keys."""
    key = {name: made["key"] for group in ("people", "service_accounts") for name, made in seeded[group].items()}
    book = f"book={first_id(f'{base}/api/books/', key['sue'])}&quantity=2"
    order = first_id(f"{base}/api/orders/", key["sue"])
    token = f"curl -s -d 'username=sue&password={seeded['people']['sue']['password']}' {base}/access/token/"
    lines = [
        ("Books, open to everybody", f"curl -s {base}/api/books/"),
        ("Orders without a key: 401", f"curl -s {base}/api/orders/"),
        ("sue (support) sees orders", f"curl -s -H 'Authorization: Api-Key {key['sue']}' {base}/api/orders/"),
        (
            "... and may not make one: 403, with the missing scope",
            f"curl -s -X POST -H 'X-API-Key: {key['sue']}' -d '{book}' {base}/api/orders/",
        ),
        (
            "finn (fulfilment) may",
            f"curl -s -X POST -H 'Authorization: Bearer {key['finn']}' -d '{book}' {base}/api/orders/",
        ),
        ("mara (manager) sees the sales", f"curl -s -H 'X-API-Key: {key['mara']}' {base}/api/reports/sales/"),
        (
            "... but a refund asks for a second factor, which a key never has: 403",
            f"curl -s -X POST -H 'X-API-Key: {key['mara']}' {base}/api/orders/{order}/refund/",
        ),
        (
            "What the warehouse's service account is and may do",
            f"curl -s -H 'X-API-Key: {key['warehouse']}' {base}/access/me/",
        ),
        ("sue logs in: an access token and a refresh token", token),
        (
            "... and sees orders with the access token, without a key",
            f'curl -s -H "Authorization: Bearer $({token} | {ACCESS_TOKEN})" {base}/api/orders/',
        ),
    ]
    people = [f"  {name:<6} {made['password']}" for name, made in seeded["people"].items()]
    text = "\n".join(f"# {what}\n{line}\n" for what, line in lines)
    return (
        f"\nThe bookshop answers at {base}/ - stop it with Ctrl-C. Keys of earlier runs have ended.\n"
        f"Paste any of these into another terminal:\n\n{text}\n"
        f"Admin {base}/admin/ and OpenAPI {base}/api/docs/ - passwords of this demo:\n" + "\n".join(people) + "\n"
        f"Second factors (app, phone, passkey, recovery codes): log in at {at_localhost(base)}/access/security/.\n"
        "Passkeys work at localhost, not at 127.0.0.1; text messages are printed here, below.\n"
    )


def serve(port: int, seeded: dict[str, dict[str, dict[str, str]]]) -> int:
    """Run the server until a signal comes; its own end before that is an error."""
    base = f"http://{HOST}:{port}"
    server = subprocess.Popen(
        [sys.executable, str(MANAGE), "runserver", "--noreload", f"{HOST}:{port}"],
        env=os.environ | {"DJANGO_RUNSERVER_HIDE_WARNING": "true"},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),  # text messages, and Django's banner, beside the requests and errors
        start_new_session=True,
    )
    try:
        if not wait_for(answering(f"{base}/api/books/"), server):
            raise DemoError(f"The server at {base}/ does not answer; its messages are above.")
        print(guide(base, seeded), flush=True)
        raise DemoError(f"The server ended by itself with exit code {server.wait()}.")
    finally:
        ignore_signals()
        stop(server, signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Parse the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=port_number, default=8000, help="where to listen (8000)")
    options = parser.parse_args()
    exit_on_signals()
    try:
        os.environ["PORT"] = str(options.port)  # the issuer of its tokens is where it listens
        refuse_taken_port(options.port)
        manage("migrate", "--verbosity", "0")
        seeded = json.loads(manage("seed_demo", "--format", "json", capture=True))
        return serve(options.port, seeded)
    except DemoError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 1
    except SystemExit:  # Ctrl-C or SIGTERM: the wished-for end
        print("\nStopped.", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main())
