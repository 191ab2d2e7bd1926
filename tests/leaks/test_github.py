"""GitHub's alerts: only its own signature over the very bytes counts, and only a key that proves real ends."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError

from django_apiaccess.core import secrets
from django_apiaccess.events.later import later
from django_apiaccess.events.models import Event
from django_apiaccess.keys import leaks as key_leaks
from django_apiaccess.keys.models import APIKey
from django_apiaccess.leaks import github as protocol
from django_apiaccess.leaks import github_keys

from .conftest import leak_events
from .github import alert, body_of, entry, new_key

pytestmark = pytest.mark.django_db
URL = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"


@pytest.fixture
def issued(make_user: Any, make_key: Any) -> Any:
    return make_key(make_user("ann", "docs:read", email="ann@example.org"), "docs:read", name="ci")


def is_open(issued: Any) -> bool:
    return APIKey.objects.get(pk=issued.key.pk).revoked_at is None


def forged(text: str) -> str:
    """A text with the same public id and a right checksum."""
    prefix, public_id, rest = text.split("_")
    other = f"{prefix}_{public_id}_{'A' if rest[0] != 'A' else 'B'}{rest[1:-6]}"
    return other + secrets.checksum(other)


class TestAnAlert:
    def test_ends_the_key_and_answers_with_the_feedback_of_the_protocol(self, send, issued, client_of):
        assert client_of(issued).get("/read-only/").status_code == 200

        response = send(body_of(alert(issued.text)))

        assert response.status_code == 200
        digest = hashlib.sha256(issued.text.encode()).hexdigest()
        expected = [{"token_hash": digest, "token_type": "mycompany_api_token", "label": "true_positive"}]
        assert json.loads(response.content) == expected
        assert client_of(issued).get("/read-only/").status_code == 401

    def test_writes_one_event_with_where_it_was_found_and_tells_the_owner(self, send, issued, told, mailoutbox):
        send(body_of(alert(issued.text)))

        (event,) = leak_events()
        assert event.target_id == str(issued.key.pk)
        assert event.details["url"] == URL
        assert event.details["source"] == "content"
        assert event.details["reporter"] == "GitHub secret scanning"
        assert event.details["done"] == "revoke"
        assert [entry[:2] for entry in told] == [("ann", "credential_leaked")]
        (mail,) = mailoutbox
        assert mail.to == ["ann@example.org"]
        assert URL in mail.body
        assert 'API key "ci"' in mail.body

    def test_leaves_the_text_of_the_key_nowhere(self, send, issued, told, mailoutbox, caplog):
        body = body_of(alert(issued.text, url=f"https://x.example/{issued.text}?q={issued.text}"))
        response = send(body)

        secret = issued.text.split("_")[2]
        seen = [response.content.decode(), caplog.text, str(told), mailoutbox[0].body]
        seen += [json.dumps(event.details) + event.reason + event.path for event in Event.objects.all()]
        seen += [APIKey.objects.get().revoked_reason]
        assert not [text for text in seen if secret[:20] in text]

    def test_of_a_forged_text_with_the_id_of_a_real_key_ends_nothing(self, send, issued):
        response = send(body_of(alert(forged(issued.text))))

        assert [told["label"] for told in json.loads(response.content)] == ["false_positive"]
        assert is_open(issued)
        assert not leak_events()

    @pytest.mark.parametrize("text", ["", "ak_", "NMIfyYncKcRALEXAMPLE", "ключ", "ak_\ud800", "\0", "a" * 20_000])
    def test_of_a_text_that_is_no_key_is_a_false_positive(self, send, text):
        response = send(body_of(alert(text)))

        assert response.status_code == 200
        assert [told["label"] for told in json.loads(response.content)] == ["false_positive"]

    def test_that_comes_again_changes_and_tells_nothing(self, send, issued, told):
        body = body_of(alert(issued.text))
        first = send(body)
        before = (Event.objects.count(), APIKey.objects.get().revoked_at)

        again = [send(body) for _ in range(3)]

        assert {response.content for response in again} == {first.content}
        assert (Event.objects.count(), APIKey.objects.get().revoked_at) == before
        assert len(told) == 1

    def test_with_the_same_key_a_hundred_times_tells_once(self, send, issued, told):
        places = [alert(issued.text, url=f"https://github.com/a/b/blob/{number}") for number in range(100)]
        response = send(body_of(*places))

        assert len(json.loads(response.content)) == 1
        assert len(told) == len(leak_events()) == 1

    def test_with_many_keys_ends_those_that_are_real(self, send, make_user, make_key):
        ann = make_user("ann", "docs:read")
        keys = [make_key(ann, "docs:read") for _ in range(20)]
        texts = [key.text for key in keys] + [forged(key.text) for key in keys]

        response = send(body_of(*map(alert, texts)))

        labels = [told["label"] for told in json.loads(response.content)]
        assert labels == ["true_positive"] * 20 + ["false_positive"] * 20
        assert APIKey.objects.filter(revoked_at=None).count() == 0

    def test_of_a_key_that_had_ended_is_true_and_tells_nobody(self, send, issued, told, operator):
        from django_apiaccess.keys import service

        service.revoke(issued.key, reason="old", by=operator)
        response = send(body_of(alert(issued.text)))

        assert json.loads(response.content)[0]["label"] == "true_positive"
        assert leak_events()[0].details["done"] == "nothing: it had ended"
        assert not told

    def test_of_a_key_whose_pepper_is_gone_says_nothing_of_it(self, send, issued, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["another-pepper-of-the-suite-0123456789"]}

        assert json.loads(send(body_of(alert(issued.text))).content) == []
        assert is_open(issued)

    def test_without_an_alert_is_answered_with_none(self, send):
        response = send(b"[]")
        assert (response.status_code, json.loads(response.content)) == (200, [])

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"null",
            b'"x"',
            b"[1]",
            b'[{"token": 1, "type": "t"}]',
            b'[{"token": "x"}]',
            b"\xff\xfe",
            b"[" * 50_000,
        ],
    )
    def test_of_a_wrong_form_is_refused_though_it_is_signed(self, send, body):
        response = send(body)
        assert response.status_code == 400
        assert response.json()["code"] == "invalid_request"

    def test_with_urls_and_sources_that_are_none_keeps_none(self, send, issued):
        send(body_of(alert(issued.text, url="javascript:alert(1)", source="<b>")))
        assert {"url", "source"}.isdisjoint(leak_events()[0].details)

    def test_may_name_a_type_that_is_no_unicode(self, send, issued):
        response = send(body_of(alert(issued.text, type="\ud800é" * 500)))
        assert response.status_code == 200
        assert not is_open(issued)

    def test_for_which_the_database_fails_once_ends_the_other_keys_and_is_to_be_sent_again(
        self, send, make_user, make_key, monkeypatch
    ):
        ann = make_user("ann", "docs:read")
        keys = [make_key(ann, "docs:read") for _ in range(3)]
        real = key_leaks.respond

        def fail(public_id: str, told: Any) -> None:
            if public_id == keys[0].text.split("_")[1]:
                raise OperationalError("locked")
            real(public_id, told)

        body = body_of(*(alert(key.text) for key in keys))
        monkeypatch.setattr(key_leaks, "respond", fail)
        with pytest.raises(OperationalError):
            send(body)
        assert [is_open(key) for key in keys] == [True, False, False]
        monkeypatch.setattr(key_leaks, "respond", real)
        assert send(body).status_code == 200
        assert [is_open(key) for key in keys] == [False] * 3

    def test_may_name_members_that_are_not_known(self, send, issued):
        assert send(body_of(alert(issued.text, url=None, source=7, new={"a": 1}))).status_code == 200
        assert not is_open(issued)


class TestASignature:
    @pytest.fixture
    def body(self, issued: Any) -> bytes:
        return body_of(alert(issued.text))

    def refused(self, response: Any, issued: Any) -> bool:
        return response.status_code == 403 and response.json()["code"] == "bad_signature" and is_open(issued)

    def test_of_another_body_is_refused(self, send, github, issued, body):
        assert self.refused(send(body, signature=github.sign(body + b" ")), issued)

    def test_over_a_body_that_was_altered_by_one_byte_is_refused(self, send, github, issued, body):
        signature = github.sign(body)
        for place in (0, len(body) // 2, len(body) - 1):
            altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
            assert self.refused(send(altered, signature=signature), issued)

    def test_over_the_same_json_with_other_spaces_is_refused(self, send, github, issued, body):
        spaced = json.dumps(json.loads(body), indent=1).encode()
        assert self.refused(send(spaced, signature=github.sign(body)), issued)

    def test_by_another_key_is_refused(self, send, github, issued, body):
        assert self.refused(send(body, signature=github.sign(body, new_key())), issued)

    def test_by_another_key_of_the_list_than_the_named_one_is_refused(self, send, github, issued, body):
        other = new_key()
        github.publish(entry(github.kid, github.key), entry("other", other))
        assert self.refused(send(body, signature=github.sign(body, other)), issued)
        assert send(body, signature=github.sign(body, other), kid="other").status_code == 200

    def test_that_is_raw_instead_of_der_is_refused(self, send, github, issued, body):
        assert self.refused(send(body, signature=github.raw_signature(body)), issued)

    @pytest.mark.parametrize("signature", ["", "AA==", "not base64!", "é", "A" * 5000, "MEQCIA=="])
    def test_that_is_none_is_refused(self, send, issued, body, signature):
        assert self.refused(send(body, signature=signature), issued)

    def test_with_trailing_bytes_is_refused(self, send, github, issued, body):
        longer = base64.b64encode(base64.b64decode(github.sign(body)) + b"\0").decode()
        assert self.refused(send(body, signature=longer), issued)

    @pytest.mark.parametrize("kid", ["", "unknown", "é", "a" * 5000])
    def test_with_a_key_identifier_that_is_not_listed_is_refused(self, send, issued, body, kid):
        assert self.refused(send(body, kid=kid), issued)

    def test_that_is_refused_is_an_event(self, send, body):
        send(body, kid="unknown")
        later.flush()
        assert Event.objects.filter(action="leak_report.refused", reason="bad_signature").exists()

    def test_by_a_key_that_is_no_more_current_is_accepted_while_it_is_listed(self, send, github, issued, body):
        github.publish(entry(github.kid, github.key, current=False))
        assert send(body).status_code == 200
        assert not is_open(issued)

    def test_of_githubs_own_sample_is_verified(self):
        """The key of that sample is not published any more, so its form alone is looked at: DER in base64."""
        sample = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg=="
        assert not github_keys.is_signed(b"[]", sample, new_key().public_key())


class TestTheListOfKeys:
    @pytest.fixture
    def body(self, issued: Any) -> bytes:
        return body_of(alert(issued.text))

    def test_is_fetched_once_for_many_alerts(self, send, github, body):
        for _ in range(5):
            send(body)
        assert github.asked == 1

    def test_is_fetched_anew_once_for_an_identifier_that_is_new(self, send, github, body, monkeypatch):
        send(body)
        newer = new_key()
        github.publish(entry(github.kid, github.key), entry("newer", newer))
        pass_time(monkeypatch, 61)

        assert send(body, kid="newer", signature=github.sign(body, newer)).status_code == 200
        assert github.asked == 2

    def test_is_waited_for_by_whoever_comes_while_it_is_fetched_first(self, github):
        github.drip = 0.002
        wanted = github_keys.key_list()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(wanted.find, [github.kid] * 4))
        assert None not in found
        assert github.asked == 1

    def test_is_not_fetched_in_a_storm_of_forged_identifiers(self, send, github, body):
        for number in range(20):
            assert send(body, kid=f"forged-{number}").status_code == 403
        assert github.asked == 1
        assert send(body).status_code == 200

    def test_that_is_old_is_used_while_github_is_down(self, send, github, body, monkeypatch):
        send(body)
        github.answer = (503, {}, b"")
        pass_time(monkeypatch, 3600)

        assert send(body).status_code == 200
        assert github.asked == 2

    def test_that_is_too_old_is_not_used_any_more(self, send, github, body, monkeypatch):
        send(body)
        github.answer = (503, {}, b"")
        pass_time(monkeypatch, 86_401)

        assert send(body).status_code == 503

    def test_from_which_a_key_was_taken_makes_its_signature_worthless(self, send, github, body, monkeypatch):
        send(body)
        github.publish(entry("newer", new_key()))
        pass_time(monkeypatch, 1801)

        assert send(body).status_code == 403

    @pytest.mark.parametrize(
        "answer",
        [
            (500, {}, b""),
            (404, {}, b"{}"),
            (200, {}, b"<html>"),
            (200, {}, b"[]"),
            (200, {}, b'{"public_keys": []}'),
            (
                200,
                {},
                b'{"public_keys": [1, {"key_identifier": 1, "key": 2}, {"key_identifier": "a", "key": "no PEM"}]}',
            ),
            (200, {}, b'{"public_keys": ' + b"[" * 100_000),
            (200, {}, b'{"public_keys": [' + b" " * 200_000 + b"]}"),
        ],
        ids=["error", "missing", "html", "array", "empty", "garbage", "deep", "huge"],
    )
    def test_that_is_none_refuses_the_alert_for_now(self, send, github, issued, body, answer):
        github.answer = answer
        response = send(body)
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert is_open(issued)

    def test_that_is_elsewhere_is_not_followed(self, send, github, body):
        github.answer = (302, {"Location": "/elsewhere"}, b"")
        assert send(body).status_code == 503
        assert github.elsewhere == 0

    def test_that_drips_is_given_up_in_time(self, send, github, body, monkeypatch):
        monkeypatch.setattr(github_keys, "TIMEOUT", 0.3)
        github.drip = 0.2
        began = time.monotonic()
        assert send(body).status_code == 503
        assert time.monotonic() - began < 3

    def test_at_a_private_address_is_not_asked_unless_the_settings_say_so(self, send, github, leaks, body):
        leaks(GITHUB_ALLOW_PRIVATE=False)
        assert send(body).status_code == 503
        leaks(GITHUB_ALLOW_PRIVATE=True, GITHUB_ALLOW_HTTP=False)
        github_keys.forget()
        assert send(body).status_code == 503
        assert github.asked == 0

    @pytest.mark.parametrize("kind", ["p384", "ed25519", "rsa"])
    def test_of_another_algorithm_is_no_key(self, github, send, body, kind):
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        made: dict[str, Any] = {
            "p384": lambda: new_key(ec.SECP384R1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate,
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
        }
        github.publish(entry(github.kid, made[kind]()))
        assert send(body).status_code == 503


class TestTheEndpoint:
    def test_is_closed_unless_the_settings_open_it(self, send, leaks, issued, github):
        leaks(GITHUB=False)
        assert send(body_of(alert(issued.text))).status_code == 404
        assert (github.asked, is_open(issued)) == (0, True)

    def test_refuses_a_body_that_is_too_long(self, send, github, issued):
        body = body_of(alert(issued.text)) + b" " * protocol.MAX_BODY
        assert send(body).status_code == 413
        assert (github.asked, is_open(issued)) == (0, True)

    def test_refuses_more_alerts_than_it_can_follow(self, send, issued):
        body = body_of(*[{"token": "", "type": ""}] * (protocol.MAX_ALERTS + 1))
        assert send(body).status_code == 400

    def test_is_throttled_by_network(self, send, leaks, issued):
        leaks(GITHUB_RATE="2/h")
        bodies = [send(body_of()).status_code for _ in range(4)]
        assert bodies == [200, 200, 429, 429]

    def test_takes_post_only(self, client, github):
        assert client.get("/access/leaks/github/").status_code == 405

    def test_asks_for_tls_where_the_project_does(self, send, settings, issued):
        settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
        assert send(body_of(alert(issued.text))).status_code == 403
        assert is_open(issued)


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let `seconds` pass on the clock of the list of keys."""
    real = time.monotonic
    monkeypatch.setattr(github_keys.time, "monotonic", lambda: real() + seconds)
