"""Fetching from a server that may be hostile, slow, somewhere else than it says, or not there."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from django_apiaccess.core import outbound
from django_apiaccess.core.outbound import FetchError, fetch_json, is_public
from tests.tokens.identity_provider import Provider

OWN = {"allow_http": True, "allow_private": True}


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody signed but itself: `(path of both halves in one PEM)`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somewhere.example")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def tls_provider(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made = Provider(tls=context)
    yield made
    made.close()


def test_a_document_is_fetched(provider):
    assert {key["kid"] for key in fetch_json(provider.jwks_uri, **OWN)["keys"]} == {"rsa-1", "ec-1", "ed-1"}


def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_trusted_passes(tls_provider, certificate):
    with pytest.raises(FetchError, match=r"certificate|CERTIFICATE"):
        fetch_json(tls_provider.jwks_uri, allow_private=True)
    assert tls_provider.asked == []
    trusted = ssl.create_default_context(cafile=str(certificate))
    assert fetch_json(tls_provider.jwks_uri, allow_private=True, context=trusted)["keys"]


def test_a_certificate_of_another_host_is_refused(tls_provider, certificate):
    trusted = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(FetchError, match=r"[Hh]ostname"):
        fetch_json(tls_provider.jwks_uri.replace("127.0.0.1", "localhost"), allow_private=True, context=trusted)
    assert tls_provider.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/jwks", "file:///etc/passwd", "ftp://id.example/jwks", "gopher://id.example/", "data:application/json,{}", "",
        "//id.example/", "id.example", "https://", "https:///jwks", "https://user@id.example/", "https://user:word@id.example/",
        "https://:word@id.example/", "https://id.example:99999/", "https://[::1/", "https://id.example:port/", "javascript:alert(1)",
        "HTTP://id.example/",
    ],
)  # fmt: skip
def test_other_schemes_and_odd_addresses_are_refused_before_anything_is_looked_up(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: pytest.fail("a name was looked up"))
    with pytest.raises(FetchError):
        fetch_json(url)


PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2001:0:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address, monkeypatch):
    assert not is_public(address)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_kwargs: pytest.fail("a connection was made"))
    with pytest.raises(FetchError, match="no public address"):
        fetch_json("https://id.example/jwks")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_public_internet_passes(address):
    assert is_public(address)


def test_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_kwargs: pytest.fail("a connection was made"))
    with pytest.raises(FetchError, match=r"10\.0\.0\.1"):
        fetch_json("https://id.example/jwks")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch):
    answers = iter(["8.8.8.8", "127.0.0.1"])  # a name that changes its mind
    connected = []

    def connect(address, *_args, **_kwargs):
        connected.append(address)
        raise OSError("enough")

    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_args, **_kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))],
    )
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchError, match="enough"):
        fetch_json("https://id.example/jwks")
    assert connected == [("8.8.8.8", 443)]


def test_a_name_that_does_not_resolve_or_is_none_is_an_error_of_fetching():
    for host in ("does-not-exist.invalid", "a" * 70 + ".example", "x..y"):
        with pytest.raises(FetchError):
            fetch_json(f"https://{host}/jwks")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(provider, status):
    provider.serve("/moved", {}, status=status, Location=provider.jwks_uri)
    with pytest.raises(FetchError, match=f"answered {status}"):
        fetch_json(provider.jwks_uri.replace("/realms/acme/certs", "/moved"), **OWN)
    assert provider.asked == ["/moved"]


@pytest.mark.parametrize("status", [201, 204, 206, 401, 404, 500, 503])
def test_any_other_status_than_200_is_refused(provider, status):
    provider.serve("/realms/acme/certs", {"keys": []}, status=status)
    with pytest.raises(FetchError, match=str(status)):
        fetch_json(provider.jwks_uri, **OWN)


def test_a_document_of_five_megabytes_is_not_read_to_its_end(provider):
    provider.serve("/realms/acme/certs", b'{"keys": [], "x": "' + b"a" * 5_000_000 + b'"}')
    with pytest.raises(FetchError, match="larger than 65536"):
        fetch_json(provider.jwks_uri, **OWN)


def test_the_length_that_a_server_claims_is_not_believed(provider):
    provider.serve("/realms/acme/certs", b'{"keys": []}', **{"Content-Length": str(10**12)})
    with pytest.raises(FetchError):
        fetch_json(provider.jwks_uri, **OWN, timeout=2)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'"x"', b"<html>", b'{"keys": [}', b"\xff\xfe{\x00}\x00", b"{" * 5, b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 60_000, b'{"n": ' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}", json.dumps({"a": 1}).encode("utf-16"),
    ],
    ids=["empty", "list", "null", "text", "html", "cut", "utf16le", "braces", "deep-object", "deep-list", "digits", "bom", "utf16"],
)  # fmt: skip
def test_what_is_no_json_object_in_utf8_is_refused(provider, body):
    provider.serve("/realms/acme/certs", body)
    with pytest.raises(FetchError, match="is no JSON"):
        fetch_json(provider.jwks_uri, **OWN)


def test_a_server_that_drips_is_given_up_in_time(provider):
    provider.drip = 0.1
    started = time.monotonic()
    with pytest.raises(FetchError, match="too slow"):
        fetch_json(provider.jwks_uri, **OWN, timeout=0.5)
    assert time.monotonic() - started < 3


def test_a_server_that_says_nothing_is_given_up_in_time_and_so_is_one_that_drips_headers():
    def serve(listening, chunks):
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            for chunk in chunks:
                connection.sendall(chunk)
                time.sleep(0.05)
            connection.recv(10_000)
            connection.recv(1)  # until the other side hangs up

    for chunks in ([], [b"H", *[b"x"] * 200], [b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 99]):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=serve, args=(listening, chunks), daemon=True)
            thread.start()
            started = time.monotonic()
            with pytest.raises(FetchError):
                fetch_json(f"http://127.0.0.1:{listening.getsockname()[1]}/", **OWN, timeout=0.5)
            assert time.monotonic() - started < 3
            thread.join(10)
            assert not thread.is_alive()


def test_no_watch_is_left_behind(provider):
    before = threading.active_count()
    for _ in range(5):
        fetch_json(provider.jwks_uri, **OWN)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_proxy_of_the_environment_is_not_used(provider, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch_json(provider.jwks_uri, **OWN)


def test_nothing_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(FetchError):
        fetch_json(f"http://127.0.0.1:{port}/", **OWN)


def test_the_whole_has_a_limit():
    assert outbound.TIMEOUT <= 10
