"""list_api_keys: the right keys, never a secret, never a cut id."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.core import secrets
from django_apiaccess.keys import service
from django_apiaccess.management import selection
from django_apiaccess.management.output import Column, print_table
from django_apiaccess.models import APIKey


def listed(run, *arguments):
    return [row["name"] for row in run("list_api_keys", *arguments, "--format", "json").json]


def test_rows_say_what_there_is_to_say_and_no_secret(run, make_user, make_key):
    issued = make_key(make_user("ann", "docs:read"), "docs:read", name="ci")
    ran = run("list_api_keys", "--format", "json")
    row = ran.json[0]
    public_id = secrets.split(issued.text, "ak").id
    assert (row["id"], row["name"], row["principal"], row["scopes"]) == (issued.key.pk, "ci", "ann", ["docs:read"])
    assert (row["status"], row["public_id"], row["legacy"], row["last_used_at"]) == ("active", public_id, False, None)
    for text in (ran.out, run("list_api_keys").out):
        assert issued.text[16:] not in text
        assert "hmac" not in text


def test_filters_narrow(run, make_user, make_key, operator):
    ann, bob = make_user("ann", "docs:read"), make_user("bob", "docs:read")
    now = timezone.now()
    make_key(ann, "docs:read", name="fresh")
    idle = make_key(ann, "docs:read", name="idle").key
    make_key(bob, "docs:read", name="ending", expires_at=now + timedelta(days=3))
    gone = make_key(bob, "docs:read", name="gone").key
    dead = make_key(bob, "docs:read", name="dead").key
    APIKey.objects.filter(pk=idle.pk).update(created_at=now - timedelta(days=100))
    idle.secrets.update(created_at=now - timedelta(days=100))
    APIKey.objects.filter(pk=dead.pk).update(expires_at=now - timedelta(days=1))
    service.revoke(gone, reason="test", by=operator)
    assert listed(run) == ["fresh", "idle", "ending", "gone", "dead"]
    assert listed(run, "--user", "ann") == ["fresh", "idle"]
    assert listed(run, "--unused-for", "90d") == ["idle"]
    assert listed(run, "--older-than", "90d") == ["idle"]
    assert listed(run, "--expiring-within", "14d") == ["ending"]
    assert listed(run, "--expiring-within", "14d", "--user", "ann") == []
    assert listed(run, "--status", "active") == ["fresh", "idle", "ending"]
    assert listed(run, "--status", "revoked") == ["gone"]
    assert listed(run, "--status", "expired") == ["dead"]
    assert listed(run, "--legacy") == []


def test_a_service_accounts_keys(run, make_user, make_key, operator):
    account = service.create_service_account(name="robot", owner=make_user("ann"), purpose="x", by=operator)
    make_key(account.user, name="its")
    assert listed(run, "--service-account", "robot") == ["its"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--user", "anna"], "Did you mean 'ann'?"),
        (["--unused-for", "90days"], "Did you mean '90d'?"),
        (["--expiring-within", "soon"], "is not a duration"),
        (["--status", "dead"], "invalid choice"),
    ],
)
def test_bad_filters_are_named(refused, make_user, arguments, said):
    make_user("ann")
    assert said in refused("list_api_keys", *arguments)


def test_without_a_match_json_is_an_empty_array(run):
    assert run("list_api_keys", "--format", "json").json == []
    assert "No key matches" in run("list_api_keys").err


def test_a_keys_name_cannot_talk_to_the_terminal(run, make_user, make_key):
    make_key(make_user("ann", "docs:read"), "docs:read", name="\x1b[2Jbad [bold]name[/bold]\u202e")
    out = run("list_api_keys").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]name[/bold]" in out


class Terminal:
    """A narrow terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("width", ["20", "60", "200"])
def test_whole_columns_are_never_cut_however_narrow_the_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    terminal = Terminal()
    key = "ak_" + "x" * 62
    columns = (Column("id", whole=True), Column("key", whole=True), Column("name"))
    print_table(terminal, columns, [{"id": 123456789, "key": key, "name": "a name of several words"}], no_color=True)
    assert key in terminal.text
    assert "123456789" in terminal.text
    assert "\N{HORIZONTAL ELLIPSIS}" not in terminal.text
    assert "anameofseveralwords" in "".join(terminal.text.replace(key, "").replace("123456789", "").split())


@pytest.mark.parametrize("width", ["20", "60", "80", "100"])
def test_the_columns_of_keys_stay_whole_on_a_narrow_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    terminal = Terminal()
    row = {
        "id": 7,
        "name": "a name of several words",
        "principal": "warehouse",
        "scopes": ["orders:read", "orders:refund"],
        "status": "active",
        "expires_at": timezone.now(),
        "public_id": "HWbex5OQVLwr",
    }
    print_table(terminal, selection.COLUMNS, [row], no_color=True)
    for word in (
        "HWbex5OQVLwr",
        "active",
        "warehouse",
        "orders:refund",
        f"{timezone.localtime():%Y-%m-%d}",
        "public id",
    ):
        assert word in terminal.text


def test_the_number_of_queries_does_not_grow_with_the_keys(run, make_user, make_key, django_assert_max_num_queries):
    ann = make_user("ann", "docs:read")
    for number in range(15):
        make_key(ann, "docs:read", name=str(number))
    with django_assert_max_num_queries(2):
        assert len(listed(run)) == 15
