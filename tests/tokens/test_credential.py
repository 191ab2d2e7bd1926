"""Every known way to forge, bend or reuse a JWT, sent to a protected view. All are answered with the same bytes, and none reaches out."""

from __future__ import annotations

import base64
import json
import os
import socket
import zlib
from datetime import timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.authn import responses
from django_apiaccess.background import flusher
from django_apiaccess.events.source import Actor
from django_apiaccess.models import Event
from django_apiaccess.tokens import ring as rings
from django_apiaccess.tokens import service
from django_apiaccess.tokens.models import SigningKey, TokenSession
from django_apiaccess.tokens.ring import ring

from .forging import GONE, Forger, b64, forger_for, hmac_signed, now, signed

pytestmark = pytest.mark.django_db

N_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
METADATA = ' resource_metadata="http://testserver/.well-known/oauth-protected-resource",'
EVIL = ec.generate_private_key(ec.SECP256R1())
EVIL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EVIL_ED = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(autouse=True)
def no_outbound(monkeypatch, request):
    """Any attempt to look a name up, or to connect over the network, fails the test."""

    def refuse(*_args, **_kwargs):
        pytest.fail("a request for a token reached out to the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture
def forge(make_user, settings) -> Forger:
    settings.API_ACCESS = {**settings.API_ACCESS, "SIGNING_ALGORITHM": "ES256"}
    return forger_for(make_user("ann", "docs:read"), "docs:read")


def send(token: str, path: str = "/read-only/"):
    return APIClient().get(path, HTTP_AUTHORIZATION=f"Bearer {token}")


def is_refused(token: str) -> None:
    """The one answer that every bad token gets."""
    answer = send(token)
    assert answer.status_code == 401, answer.content
    assert answer["WWW-Authenticate"].replace(METADATA, "") == responses.challenges_of(responses.INVALID)
    form = token.count(".") == 2 and len(token) < 8000 and all(" " < c <= "~" and c not in '",' for c in token)
    if form:
        assert answer.json() == responses.INVALID.body()
    assert answer.json()["code"] == "invalid_credential"


def jwk(public) -> dict:
    return json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public))


def pem(public) -> bytes:
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_the_good_token_opens_the_view(forge):
    assert send(forge.good).status_code == 200
    assert send(forge.token()).status_code == 200  # so that what the recipes change is what is refused


# -- A: signature and header

HEADERS = {
    **{f"A1-alg-{alg or 'empty'}": {"alg": alg} for alg in ("none", "None", "NONE", "nOnE", "")},
    "A2-alg-missing": {"alg": GONE},
    "A2-alg-list": {"alg": ["ES256"]},
    "A2-alg-object": {"alg": {"a": 1}},
    "A2-alg-true": {"alg": True},
    "A2-alg-null": {"alg": None},
    "A2-alg-lower-case": {"alg": "es256"},
    "A2-alg-spaces": {"alg": " ES256"},
    "A2-alg-surrogate": {"alg": "\ud800"},
    "A5-traversal": {"kid": "../../../../dev/null"},
    "A5-sql": {"kid": "k1' UNION SELECT 'x"},
    "A5-nul": {"kid": "k1\x00"},
    "A5-newline": {"kid": "k1\n"},
    "A5-url": {"kid": "http://evil/k"},
    "A5-long": {"kid": "x" * 129},
    "A5-list": {"kid": ["k1"]},
    "A5-object": {"kid": {"a": 1}},
    "A5-null": {"kid": None},
    "A5-number": {"kid": 1},
    "A5-empty": {"kid": ""},
    "A5-missing": {"kid": GONE},
    "A5-surrogate": {"kid": "\ud800"},
    "A5-other-digits": {"kid": "\uff11"},
    "A7-jku": {"jku": "https://evil.example/jwks.json"},
    "A7-jku-metadata": {"jku": "http://169.254.169.254/"},
    "A7-jku-file": {"jku": "file:///etc/passwd"},
    "A7-jku-null": {"jku": None},
    "A8-x5u": {"x5u": "https://evil.example/chain.pem"},
    "A8-x5c-empty": {"x5c": []},
    "A12-crit": {"crit": ["exp"], "exp": 1},
    "A12-crit-empty": {"crit": []},
    "A12-crit-text": {"crit": "b64"},
    "A12-crit-b64": {"crit": ["b64"], "b64": True},
    "A12-b64-false": {"b64": False},
    "A12-crit-null": {"crit": None},
    "A13-cty": {"cty": "JWT"},
    "A13-zip": {"zip": "DEF"},
    "A13-enc": {"enc": "A128GCM"},
    "A13-p2c": {"alg": "PBES2-HS256+A128KW", "p2c": 2**31 - 1},
    "A13-epk": {"epk": {"kty": "EC"}},
    "A16-es256k": {"alg": "ES256K"},
    "A16-es384": {"alg": "ES384"},
    "A16-eddsa": {"alg": "EdDSA"},
    "A16-ed25519": {"alg": "Ed25519"},
    "B3-typ-jwt": {"typ": "JWT"},
    "B3-typ-missing": {"typ": GONE},
    "B3-typ-logout": {"typ": "logout+jwt"},
    "B3-typ-refresh": {"typ": "rt+jwt"},
    "B3-typ-dpop": {"typ": "dpop+jwt"},
    "B3-typ-pending": {"typ": "mfa-pending+jwt"},
    "B3-typ-object": {"typ": {"a": 1}},
    "B3-typ-null": {"typ": None},
    "B3-typ-prefix-twice": {"typ": "application/application/at+jwt"},
    "B3-typ-padded": {"typ": "at+jwt "},
    "B3-typ-kelvin": {"typ": "at+\u212awt"},
    "B3-typ-surrogate": {"typ": "\ud800"},
    "JW-14-many-members": {f"m{n}": 0 for n in range(70)},
}


@pytest.mark.parametrize("changes", HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_is_not_ours_is_refused_though_rightly_signed(forge, changes):
    is_refused(forge.heads(**changes))


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt", "Application/At+Jwt"], ids=lambda typ: f"B3-{typ}")
def test_typ_is_compared_without_case_and_with_or_without_application(forge, typ):
    assert send(forge.heads(typ=typ)).status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""], ids=lambda alg: f"A1-{alg}")
@pytest.mark.parametrize("signature", ["", "kept"])
def test_an_unsigned_token_is_refused(forge, alg, signature):
    head = b64(json.dumps(forge.with_header(alg=alg)).encode())
    is_refused(f"{head}.{forge.parts[1]}.{forge.parts[2] if signature else ''}")


def test_A2_alg_nan_is_refused(forge):
    is_refused(forge.token(json.dumps(forge.header).replace('"ES256"', "NaN").encode()))


def test_A3_the_public_key_is_no_hmac_secret(forge):
    public = forge.key.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    published = APIClient().get("/.well-known/jwks.json").json()["keys"][0]
    texts = [
        pem(public),
        pem(public).strip(),
        der,
        json.dumps(jwk(public)).encode(),
        json.dumps(published).encode(),
        b"",
    ]
    for secret in texts:
        is_refused(hmac_signed(secret, forge.with_header(alg="HS256"), forge.claims))


def test_A4_a_signature_that_is_cut_off_swapped_or_doubled_is_refused(forge):
    head, body, signature = forge.parts
    other = forge.says(jti="other").split(".")
    for token in (
        f"{head}.{body}.", f"{head}.{body}", forge.good[:-4], forge.good[:-1], f"{head}.{other[1]}.{signature}",
        f"{head}.{body}.{other[2]}",
        f"{forge.good}.x", f"{forge.good}.x.y", f".{body}.{signature}", f"{head}..{signature}", "..", "a.b.c", f"{forge.good}.",
        f"{forge.good}{signature}",
    ):  # fmt: skip
        is_refused(token)


def test_A4_every_changed_bit_of_the_signature_is_refused(forge):
    head, body, signature = forge.parts
    raw = base64.urlsafe_b64decode(signature + "==")
    for place in range(len(raw)):
        flipped = bytearray(raw)
        flipped[place] ^= 1
        is_refused(f"{head}.{body}.{b64(bytes(flipped))}")


def test_A5_a_kid_of_100000_characters_is_refused(forge):
    is_refused(forge.heads(kid="x" * 100_000))


def test_A6_an_embedded_key_is_refused_whoever_signed(forge):
    public = jwk(EVIL.public_key())
    octets = {"kty": "oct", "k": b64(b"secret" * 8)}
    is_refused(forge.token(forge.with_header(jwk=public), key=EVIL))
    is_refused(forge.token(forge.with_header(jwk=public)))
    is_refused(hmac_signed(b"secret" * 8, forge.with_header(alg="HS256", jwk=octets), forge.claims))
    is_refused(forge.token(forge.with_header(kid=rings.jws.thumbprint(public)), key=EVIL))


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/jwks.json", "http://169.254.169.254/", "file:///etc/passwd", "https://as.example.evil/"],
    ids=lambda url: f"A7-A8-{url}",
)
@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_a_link_to_a_key_is_neither_followed_nor_suffered(forge, member, url):
    is_refused(forge.token(forge.with_header(**{member: url}), key=EVIL))


def test_A8_a_certificate_of_ones_own_is_refused(forge):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(EVIL.public_key())
        .serial_number(1)
        .not_valid_before(timezone.now() - timedelta(days=1))
        .not_valid_after(timezone.now() + timedelta(days=1))
        .sign(EVIL, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    is_refused(forge.token(forge.with_header(x5c=[base64.b64encode(der).decode()[:600]]), key=EVIL))
    digest = certificate.fingerprint(hashes.SHA256())
    is_refused(forge.token(forge.with_header(**{"x5t#S256": b64(digest)}), key=EVIL))


def test_A9_psychic_signatures_and_other_encodings_are_refused(forge):
    head, body, signature = forge.parts
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    pairs = [(0, 0), (N_P256, N_P256), (0, 1), (1, 0), (1, 1), (N_P256 - 1, 1), (r, 0), (0, s), (s, r)]
    forged = [a.to_bytes(32) + b.to_bytes(32) for a, b in pairs]
    for made in [
        *forged,
        encode_dss_signature(r, s),
        raw[:63],
        raw + b"\0",
        b"\0" + raw,
        b"\0" * 96,
        os.urandom(64),
        b"\xff" * 64,
    ]:
        is_refused(f"{head}.{body}.{b64(made)}")


def test_A10_other_spellings_of_a_valid_token_are_refused(forge):
    head, body, signature = forge.parts
    assert len(signature) == 86  # the last character has four bits to spare
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for token in (
        f"{forge.good}==", f"{forge.good}=", f"{head}=.{body}.{signature}", f"{head}==.{body}.{signature}", f" {forge.good}",
        f"{forge.good} ",
        f"{forge.good}\n", f"{head}.{body}.{signature[:-1]}{alphabet[alphabet.index(signature[-1]) + 1]}", f"{forge.good}A",
        f"{head}.{body}.{signature[:40]}+{signature[41:]}", f"{head}.{body}.{signature[:40]}/{signature[41:]}", f"{forge.good}\t",
    ):  # fmt: skip
        is_refused(token)


def test_A10_the_twin_of_a_revoked_token_is_revoked_too(forge, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 0}
    head, body, signature = forge.parts
    r, s = decode_dss_signature(
        encode_dss_signature(
            *(int.from_bytes(base64.urlsafe_b64decode(signature + "==")[at : at + 32]) for at in (0, 32))
        )
    )
    twin = f"{head}.{body}.{b64(r.to_bytes(32) + (N_P256 - s).to_bytes(32))}"
    assert send(twin).status_code == send(forge.good).status_code == 200
    service.end(TokenSession.objects.all(), reason="lost", by=Actor.system())
    is_refused(forge.good)
    is_refused(twin)


def test_A11_repeated_members_are_refused(forge):
    body, head = json.dumps(forge.claims).encode(), json.dumps(forge.header).encode()
    for extra in (
        b',"sub":"1"}',
        b',"exp":9999999999}',
        b',"aud":"x"}',
        b',"\\u0073ub":"1"}',
        b',"scope":"docs:write"}',
    ):
        is_refused(forge.token(payload=body[:-1] + extra))
        is_refused(forge.token(payload=b"{" + extra[1:-1] + b"," + body[1:]))
    is_refused(forge.token(payload=body[:-1] + b',"act":{"a":1,"a":2}}'))
    is_refused(forge.token(b'{"alg":"none",' + head[1:]))
    is_refused(forge.token(head[:-1] + b',"alg":"ES256"}'))
    is_refused(forge.token(head[:-1] + b',"\\u0061lg":"none"}'))


def test_A12_a_detached_payload_is_refused(forge):
    head, _body, signature = forge.parts
    is_refused(f"{head}..{signature}")


def test_A13_nested_compressed_and_encrypted_tokens_are_refused(forge):
    is_refused(forge.token(forge.with_header(cty="JWT"), forge.good.encode()))
    is_refused(forge.token(payload=json.dumps(forge.good).encode()))
    packed = zlib.compress(json.dumps(forge.claims).encode())[2:-4]
    is_refused(forge.token(forge.with_header(zip="DEF"), packed))
    is_refused(forge.token(payload=packed))
    head = b64(json.dumps({"alg": "ECDH-ES", "enc": "A128GCM", "typ": "at+jwt", "kid": forge.header["kid"]}).encode())
    is_refused(f"{head}..{b64(os.urandom(12))}.{forge.parts[1]}.{b64(os.urandom(16))}")


def test_A14_bombs_are_refused_at_once(forge):
    head, _body, signature = forge.parts
    deep = b"[" * 3000 + b"]" * 3000
    is_refused(f"{head}.{b64(os.urandom(1_000_000))}.{signature}")
    is_refused(forge.token(b"[" * 700))
    is_refused(forge.token(b'{"a":' * 140 + b"1" + b"}" * 140))
    is_refused(forge.token(payload=deep))
    is_refused(forge.token(payload=b'{"a":' * 900 + b"1" + b"}" * 900))
    for depth in range(400, 3000, 200):
        is_refused(forge.token(payload=b'{"a":' + b"[" * depth + b"]" * depth + b"}"))
    is_refused(forge.token(payload=json.dumps(forge.claims).encode()[:-1] + b',"n":' + b"9" * 5000 + b"}"))
    is_refused(forge.says(**{f"c{n}": n for n in range(80)}))


def test_A14_a_claim_nested_five_deep_is_refused_and_four_passes(forge):
    assert send(forge.says(a={"b": {"c": [1]}})).status_code == 200
    is_refused(forge.says(a={"b": {"c": [[1]]}}))


def test_A15_the_json_serialization_is_refused(forge):
    head, body, signature = forge.parts
    is_refused(json.dumps({"payload": body, "protected": head, "signature": signature}))
    is_refused('{"protected":"a.b.c","signatures":[]}')


def test_A16_a_key_serves_its_own_algorithm_only(make_user, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "SIGNING_ALGORITHM": "RS256"}
    forge = forger_for(make_user("ann", "docs:read"), "docs:read")
    assert send(forge.good).status_code == 200
    for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        is_refused(forge.token(forge.with_header(alg=alg), alg=alg))
        is_refused(forge.token(alg=alg))  # says RS256, signed otherwise
        is_refused(forge.token(forge.with_header(alg=alg)))  # says otherwise, signed by RS256
    for secret in (pem(forge.key.public_key()), jwt.algorithms.RSAAlgorithm.to_jwk(forge.key.public_key()).encode()):
        is_refused(hmac_signed(secret, forge.with_header(alg="HS256"), forge.claims))


@pytest.mark.parametrize(
    ("key", "alg"), [(EVIL, "ES256"), (EVIL_RSA, "RS256"), (EVIL_RSA, "PS256"), (EVIL_ED, "EdDSA")]
)
def test_a_token_signed_by_somebody_else_is_refused(forge, key, alg):
    is_refused(forge.token(forge.with_header(alg=alg), key=key, alg=alg))
    is_refused(forge.token(key=key, alg=alg))


def test_A16_another_curve_is_refused(forge):
    other = ec.generate_private_key(ec.SECP384R1())
    is_refused(forge.token(forge.with_header(alg="ES384"), key=other, alg="ES384"))


@pytest.mark.parametrize(
    "secret", [b"", b"secret", b"test-pepper-of-the-suite-0123456789abcdef", "django"], ids=lambda s: f"A17-{s!r}"
)
def test_no_hmac_is_ever_accepted(forge, secret, settings):
    secret = settings.SECRET_KEY.encode() if secret == "django" else secret
    for alg in ("HS256", "hs256"):
        is_refused(hmac_signed(secret, forge.with_header(alg=alg), forge.claims))


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-32"),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode() + b"\xff",
        lambda text: text.encode()[:-1] + b',"x":"\xc0\xaf"}',
        lambda text: text.encode() + b"\0",
        lambda text: text.encode() + b"{}",
        lambda text: text.encode()[:-1] + b',"x":NaN}',
        lambda text: text.encode()[:-1] + b',"x":-Infinity}',
        lambda text: text.encode()[:-1] + b',"x":1e999}',
        lambda text: text.encode()[:-1] + b",}",
        lambda text: text.replace('"', "'").encode(),
        lambda text: f"[{text}]".encode(),
        lambda _text: b"null",
        lambda _text: b'"text"',
        lambda _text: b"{}",
    ],
    ids=[f"A18-{name}" for name in (
        "utf16", "utf16le", "utf32", "bom", "stray-byte", "overlong", "nul", "two-values", "nan", "infinity", "too-large", "comma",
        "quotes",
        "in-a-list", "null", "text", "empty",
    )],
)  # fmt: skip
def test_json_in_other_encodings_or_of_other_shapes_is_refused(forge, encode):
    is_refused(forge.token(payload=encode(json.dumps(forge.claims))))
    is_refused(forge.token(encode(json.dumps(forge.header))))


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff.\ud800.x", "a.b.\ud800", "\x00.\x00.\x00", ".".join(["\u0661"] * 3), "x" * 9000, "."]
)
@pytest.mark.parametrize("path", ["/access/token/revoke/", "/access/token/refresh/"], ids=lambda path: f"A19-{path}")
def test_a_body_that_cannot_be_a_token_is_no_error_500(db, path, text):
    name = "refresh_token" if "refresh" in path else "token"
    answer = APIClient().post(path, data=json.dumps({name: text}), content_type="application/json")
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("text", ["\udc80.a.b", "a.b.\xff", "\xe9.x.y", "a.\u20ac.b"], ids=lambda text: f"A19-{text!a}")
def test_a_header_of_other_bytes_is_no_error_500(forge, text):
    is_refused(text)


# -- T: times

LONG = 10**400
TIMES = {
    "T1-text": {"exp": "9999999999"},
    "T1-padded": {"exp": " 9999999999 "},
    "T1-underscores": {"exp": "9_999_999_999"},
    "T1-other-digits": {"exp": "\u0669" * 10},
    "T2-1e300": {"exp": 1e300},
    "T2-401-digits": {"exp": LONG},
    "T2-true": {"exp": True},
    "T2-null": {"exp": None},
    "T2-list": {"exp": [9999999999]},
    "T2-object": {"exp": {}},
    "T2-negative": {"exp": -1},
    "T2-zero": {"exp": 0},
    "T3-missing": {"exp": GONE},
    "T5-iat-old": {"iat": 1},
    "T5-iat-text": {"iat": "1"},
    "T5-iat-true": {"iat": True},
    "T5-iat-null": {"iat": None},
    "T5-iat-missing": {"iat": GONE},
    "T5-nbf-text": {"nbf": "0"},
    "T5-nbf-null": {"nbf": None},
    "T5-nbf-list": {"nbf": [0]},
    "T5-nbf-1e300": {"nbf": 1e300},
}
RELATIVE = {
    "T4-expired": {"exp": -10, "iat": -60, "nbf": -60},
    "T4-expired-long-ago": {"exp": -86_400, "iat": -86_500, "nbf": -86_500},
    "T5-nbf-future": {"nbf": 120},
    "T5-iat-future": {"iat": 3600},
    "T5-iat-a-minute-ahead": {"iat": 60},
    "T5-iat-after-exp": {"iat": 8, "exp": 5},
    "T5-nbf-after-exp": {"nbf": 8, "exp": 5},
    "T6-hundred-years": {"exp": 3_153_600_000},
    "T6-two-hours": {"exp": 7200},
    "T6-made-to-live-too-long": {"iat": -3590, "exp": 60},
}


@pytest.mark.parametrize("changes", TIMES.values(), ids=TIMES.keys())
def test_a_time_of_another_type_or_without_sense_is_refused(forge, changes):
    is_refused(forge.says(**changes))


@pytest.mark.parametrize("changes", RELATIVE.values(), ids=RELATIVE.keys())
def test_a_time_out_of_order_is_refused(forge, changes):
    is_refused(forge.says(**{name: now() + seconds for name, seconds in changes.items()}))


@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "00", "0x7fffffff", "1.", ".5", "+1"]
)
def test_T2_a_number_that_is_no_json_is_refused(forge, literal):
    is_refused(
        forge.token(payload=json.dumps(forge.with_claims(exp=0)).replace('"exp": 0', f'"exp": {literal}').encode())
    )


def test_T2_a_fraction_of_a_second_passes(forge):
    assert send(forge.says(exp=now() + 300.7)).status_code == 200


def test_T4_T5_ten_seconds_of_leeway_and_not_one_more(forge):
    assert send(forge.says(exp=now() - 5, iat=now() - 60, nbf=now() - 60)).status_code == 200
    assert send(forge.says(nbf=now() + 5)).status_code == 200
    is_refused(forge.says(exp=now() - 10, iat=now() - 60, nbf=now() - 60))
    is_refused(forge.says(nbf=now() + 15))


# -- B: claims

AUD = ISS = "urn:django-apiaccess"
CLAIMS = {
    "B1-missing": {"aud": GONE},
    "B1-empty-list": {"aud": []},
    "B1-empty": {"aud": ""},
    "B1-null": {"aud": None},
    "B1-other": {"aud": "https://other.example"},
    "B1-list-with-object": {"aud": [AUD, {"a": 1}]},
    "B1-list-with-null": {"aud": [AUD, None]},
    "B1-list-in-list": {"aud": [[AUD]]},
    "B1-object": {"aud": {AUD: 1}},
    "B1-slash": {"aud": f"{AUD}/"},
    "B1-superstring": {"aud": f"{AUD}.evil.com"},
    "B1-prefix": {"aud": AUD[:-1]},
    "B1-upper": {"aud": AUD.upper()},
    "B1-true": {"aud": True},
    "B2-missing": {"iss": GONE},
    "B2-null": {"iss": None},
    "B2-list": {"iss": [ISS]},
    "B2-object": {"iss": {"a": ISS}},
    "B2-slash": {"iss": f"{ISS}/"},
    "B2-upper": {"iss": ISS.upper()},
    "B2-empty": {"iss": ""},
    "B2-surrogate": {"iss": "\ud800"},
    "B2-space": {"iss": f" {ISS}"},
    "B4-empty": {"sub": ""},
    "B4-other-user": {"sub": "999999"},
    "B4-nul": {"sub": "1\u0000"},
    "B4-surrogate": {"sub": "\ud800"},
    "B4-full-width": {"sub": "\uff11"},
    "B4-space": {"sub": " 1"},
    "B4-list": {"sub": ["1"]},
    "B4-long": {"sub": "1" * 5000},
    "B4-missing": {"sub": GONE},
    "B4-null": {"sub": None},
    "B5-missing": {"jti": GONE},
    "B5-empty": {"jti": ""},
    "B5-number": {"jti": 1},
    "B5-long": {"jti": "j" * 5000},
    "B5-nul": {"jti": "\u0000"},
    "B6-list": {"scope": ["docs:read"]},
    "B6-nbsp": {"scope": "docs:read\u00a0docs:write"},
    "B6-tab": {"scope": "docs:read\tdocs:write"},
    "B6-two-spaces": {"scope": "docs:read  docs:write"},
    "B6-trailing-space": {"scope": "docs:read "},
    "B6-null": {"scope": None},
    "B6-quote": {"scope": 'docs:read "'},
    "B6-true": {"scope": True},
    "B8-cnf-jkt": {"cnf": {"jkt": "x"}},
    "B8-cnf-unknown": {"cnf": {"zz": 1}},
    "B8-cnf-null": {"cnf": None},
    "B3-id-token": {"nonce": "n"},
    "B3-id-token-at-hash": {"at_hash": "x"},
    "B3-id-token-c-hash": {"c_hash": "x"},
    "B3-logout-token": {"events": {}},
    "B3-keycloak-id": {"typ": "ID"},
    "B3-keycloak-refresh": {"typ": "Refresh"},
    "B3-cognito-id": {"token_use": "id"},
    "JW-10-client-missing": {"client_id": GONE},
    "JW-10-client-other": {"client_id": "another"},
    "JW-10-client-list": {"client_id": ["first-party"]},
    "JW-10-sid-missing": {"sid": GONE},
    "JW-10-sid-other": {"sid": "unknown"},
    "JW-10-sid-list": {"sid": ["x"]},
    "JW-10-sid-nul": {"sid": "\u0000"},
    "JW-10-sid-wildcard": {"sid": "%"},
    "JW-10-sid-empty": {"sid": ""},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_claim_that_is_not_ours_is_refused_though_rightly_signed(forge, changes):
    is_refused(forge.says(**changes))


def test_B1_one_of_several_audiences_is_enough(forge):
    assert send(forge.says(aud=["https://other.example", AUD])).status_code == 200


def test_B6_scopes_are_compared_with_their_case(forge):
    assert send(forge.says(scope="DOCS:READ")).status_code == 403
    assert send(forge.says(scope="")).status_code == 403
    assert send(forge.says(scope=GONE)).status_code == 403


def test_B9_a_token_of_one_person_does_not_become_anothers(forge, make_user):
    bob = make_user("bob", "docs:read", "docs:write")
    is_refused(forge.says(sub=str(bob.pk)))
    of_bob = forger_for(bob, "docs:read")
    is_refused(forge.says(sid=of_bob.session.sid))
    assert send(forge.says(sid=of_bob.session.sid, sub=str(bob.pk))).json()["user"] == "bob"


@pytest.mark.parametrize(
    "end",
    ["revoked", "expired-session", "inactive", "password", "user-deleted", "key-compromised"],
    ids=lambda name: f"B7-{name}",
)
@pytest.mark.parametrize("cache", [0, 60])
def test_what_ends_a_login_ends_its_access_token_at_the_next_request(forge, end, cache, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": cache, "GENERATION_SECONDS": 0}
    user = forge.session.user
    assert send(forge.good).status_code == send(forge.good).status_code == 200
    if end == "revoked":
        service.end(TokenSession.objects.all(), reason="lost", by=Actor.system())
    elif end == "expired-session":
        TokenSession.objects.update(expires_at=timezone.now())
        ring_memory_is_empty_after_a_change_by_hand()
    elif end == "inactive":
        user.is_active = False
        user.save()
    elif end == "password":
        user.set_password("another")
        user.save()
    elif end == "user-deleted":
        user.delete()
    else:
        rings.compromise(forge.header["kid"], by=Actor.system(), reason="stolen")
    is_refused(forge.good)


def ring_memory_is_empty_after_a_change_by_hand() -> None:
    """No service ends a session by its date, so nothing tells the memory: the test does."""
    from django_apiaccess.tokens.remembered import remembered

    remembered.clear()


# -- what it costs


def test_JW_01_a_bad_signature_costs_no_query(forge):
    assert send(forge.good).status_code == 200  # the ring is warm
    head, body, _signature = forge.parts
    bad = f"{head}.{body}.{'A' * 86}"
    for token in (
        bad,
        forge.token(key=EVIL),
        forge.heads(alg="none"),
        forge.says(iss="https://other.example"),
        forge.heads(crit=["x"]),
    ):
        with CaptureQueriesContext(connection) as captured:
            is_refused(token)
        assert captured.captured_queries == []


def test_JW_05_unknown_key_ids_ask_the_database_at_most_once_a_second(forge):
    with CaptureQueriesContext(connection) as captured:
        for number in range(50):
            is_refused(forge.heads(kid=f"unknown{number}"))
    assert len(captured) <= 2


def test_the_event_of_a_forged_token_has_the_true_reason_and_nothing_of_the_token(forge):
    head, body, _signature = forge.parts
    is_refused(f"{head}.{body}.{'A' * 86}")
    is_refused(forge.says(exp=now() - 60))
    is_refused(forge.says(nonce="n"))
    is_refused(forge.heads(kid="unknown"))
    flusher.flush()
    events = Event.objects.filter(action="credential.refused")
    assert sorted(events.values_list("reason", flat=True)) == ["bad_claims", "bad_signature", "expired", "unknown_key"]
    for event in events:
        assert body[:40] not in repr(event.__dict__)


def test_one_request_with_a_good_token_costs_one_query(forge):
    assert send(forge.good).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert send(forge.good).status_code == 200
    assert len(captured) == 1


def test_with_the_memory_a_request_costs_none(forge, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 60}
    assert send(forge.good).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert send(forge.good).status_code == 200
    assert len(captured) == 0


def test_a_remembered_token_still_expires(forge, settings, monkeypatch):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 3600, "GENERATION_SECONDS": 3600}
    assert send(forge.good).status_code == 200
    later = timezone.now() + timedelta(seconds=611)
    monkeypatch.setattr(timezone, "now", lambda: later)
    is_refused(forge.good)


def test_JW_19_an_access_token_says_nothing_personal(forge):
    assert forge.claims.keys() == {
        "iss", "aud", "sub", "client_id", "iat", "nbf", "exp", "jti", "sid", "scope", "auth_time", "amr", "acr",
    }  # fmt: skip
    assert forge.header == {"alg": "ES256", "typ": "at+jwt", "kid": SigningKey.objects.get().kid}


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "PS256"])
def test_every_algorithm_signs_and_verifies(make_user, settings, algorithm):
    settings.API_ACCESS = {**settings.API_ACCESS, "SIGNING_ALGORITHM": algorithm}
    forge = forger_for(make_user("ann", "docs:read"), "docs:read")
    assert forge.header["alg"] == algorithm
    assert send(forge.good).status_code == 200
    published = APIClient().get("/.well-known/jwks.json").json()["keys"][0]
    key = jwt.PyJWK(published)  # another library verifies with what we publish
    assert jwt.decode(forge.good, key, algorithms=[algorithm], audience=AUD, issuer=ISS)["sub"] == forge.claims["sub"]


def test_A9_ed25519_signatures_of_small_order_are_refused(make_user):
    forge = forger_for(make_user("ann", "docs:read"), "docs:read")
    head, body, signature = forge.parts
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    twin = raw[:32] + ((int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little"))
    for made in (b"\0" * 64, b"\1" + b"\0" * 63, raw[:63], raw + b"\0", raw[32:] + raw[:32], twin):
        is_refused(f"{head}.{body}.{b64(made)}")


def test_a_token_in_the_query_or_in_a_cookie_is_not_looked_at(forge):
    assert APIClient().get(f"/read-only/?access_token={forge.good}").status_code == 401
    client = APIClient()
    client.cookies["access_token"] = forge.good
    assert client.get("/read-only/").status_code == 401


def test_JW_11_a_refresh_token_and_an_api_key_are_no_access_tokens_and_back(forge, make_key):
    key = make_key(forge.session.user, "docs:read")
    proof = service.Proof(("pwd",), "aal1", timezone.now())
    refresh = service.begin(
        forge.session.user, proof=proof, where=Actor.system().where, scopes=frozenset({"docs:read"})
    ).refresh_token
    assert send(refresh).status_code == 401
    assert APIClient().post("/access/token/refresh/", {"refresh_token": forge.good}).status_code == 400
    assert APIClient().post("/access/token/refresh/", {"refresh_token": key.text}).status_code == 400
    assert APIClient().get("/read-only/", HTTP_X_API_KEY=forge.good).status_code == 401
    assert APIClient().get("/read-only/", HTTP_AUTHORIZATION=f"Api-Key {forge.good}").status_code == 401


def test_signed_by_hand_with_the_next_key_is_accepted_and_with_a_retired_one_not(forge):
    made, _ = rings.rotate(by=Actor.system())
    held = ring._keys
    ring.reload()
    following = ring._keys[made.kid]
    assert send(signed(forge.with_header(kid=made.kid), forge.claims, following.unseal(), "ES256")).status_code == 200
    SigningKey.objects.filter(kid=forge.header["kid"]).update(verifies_until=timezone.now())
    ring.clear()
    is_refused(forge.good)
    assert held
