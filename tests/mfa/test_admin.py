"""Who has which second factors, and where they are trusted, in the admin: to read without a secret, and to take away by whoever may."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_apiaccess.events.source import Where
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.mfa import overview, policy, recovery, totp, trusted
from django_apiaccess.mfa.models import MFADuty, TOTPFactor, TrustedDevice
from django_apiaccess.models import Event
from tests.adminkit import allow, text_of, url

from .factors import NUMBER, app_of, phone_of
from .stored import passkey_of

pytestmark = pytest.mark.django_db
LIST = "/admin/django_apiaccess/secondfactors/"
DEVICES = "/admin/django_apiaccess/trusteddevice/"
REASON = {"reason_asked": "1", "reason": "Seen in person"}


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def eve(make_user):
    """`eve("view_second_factors")`: a member of staff with these permissions."""
    return lambda *codenames: allow(make_user("eve"), *codenames)


@pytest.fixture
def other_of(monkeypatch):
    """`other_of(user)`: a device of a django-otp plugin that this app knows nothing of."""
    monkeypatch.setattr(totp, "models", lambda: [TOTPFactor])
    return lambda user: TOTPDevice.objects.create(user=user, name="mail")


def trust(user, name="Firefox on Linux"):
    return trusted.trust(user, where=Where(address="203.0.113.5"), name=name)


def select(action, *rows, **fields):
    return {"action": action, "_selected_action": [row.pk for row in rows], **fields}


def names_on(client, **query):
    """Who is on the list."""
    return [person.get_username() for person in client.get(LIST, query).context["cl"].result_list]


def row_of(page, name):
    """The text of one person's row."""
    rows = [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if f">{name}<" in row]
    assert len(rows) == 1, name
    return " ".join(re.sub(r"<[^>]+>", " ", rows[0]).split())


class TestReading:
    def test_the_list_says_who_has_what(self, client, root, ann, make_user):
        app_of(ann)
        app_of(ann, name="second")
        passkey_of(ann)
        recovery.make(ann)
        phone_of(make_user("bob"))
        make_user("eva")
        passkey_of(make_user("finn"), confirmed=False, number=2)
        page = text_of(client.get(LIST))
        assert "2 × authenticator app passkey 10" in row_of(page, "ann")
        assert "phone" in row_of(page, "bob")
        assert "none" in row_of(page, "eva")
        assert "suspended passkey" in row_of(page, "finn")
        assert "superuser" in row_of(page, "root")
        assert "Who has which second factors" in page

    def test_no_page_shows_a_seed_a_code_a_digest_or_a_whole_number(self, client, root, ann):
        app, phone = app_of(ann), phone_of(ann)
        codes = recovery.make(ann)
        cookie = trust(ann)
        device = TrustedDevice.objects.get()
        pages = [LIST, url("secondfactors", "change", ann.pk), url("secondfactors", "reset", ann.pk), DEVICES]
        text = "".join(text_of(client.get(page)) for page in (*pages, url("trusteddevice", "change", device.pk)))
        assert "+31******78" in text
        secrets = [NUMBER, app.sealed_key, app.bin_key.hex(), cookie, device.digest, device.mark, *codes]
        assert not [secret for secret in (*secrets, phone.number[3:-2]) if secret in text]

    def test_one_persons_page_has_factors_devices_and_the_policy(self, client, root, ann, other_of, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"REQUIRED_FOR": ["everyone"], "GRACE": "14d"}}
        phone_of(ann, name="Ann's phone")
        passkey_of(ann, confirmed=False)
        other_of(ann)
        trust(ann)
        page = text_of(client.get(url("secondfactors", "change", ann.pk)))
        for word in ("Ann&#x27;s phone", "+31******78", "suspended: copied?", "of another plugin", "Firefox on Linux"):
            assert word in page, word
        assert not MFADuty.objects.exists(), "looking must not begin the grace"
        MFADuty.objects.create(user=ann)
        assert "in 13 d" in text_of(client.get(url("secondfactors", "change", ann.pk)))

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"factor": "with"}, ["app", "mail", "phone"]),
            ({"factor": "without"}, ["begun", "codes", "root", "suspended"]),
            ({"factor": "totp"}, ["app"]),
            ({"factor": "sms"}, ["phone"]),
            ({"factor": "other"}, ["mail"]),
            ({"factor": "webauthn"}, []),
            ({"factor": "suspended"}, ["suspended"]),
            ({"staff": "yes"}, ["phone", "root"]),
            ({"staff": "no", "factor": "with"}, ["app", "mail"]),
            ({"staff": "yes", "factor": "without"}, ["root"]),
            ({"factor": "nonsense"}, ["app", "begun", "codes", "mail", "phone", "root", "suspended"]),
            ({"q": "pho"}, ["phone"]),
        ],
    )
    def test_it_filters(self, client, root, make_user, other_of, query, names):
        app_of(make_user("app"))
        app_of(make_user("begun"), confirmed=False)
        recovery.make(make_user("codes"))
        phone_of(make_user("phone", is_staff=True))
        other_of(make_user("mail"))
        passkey_of(make_user("suspended"), confirmed=False)
        assert names_on(client, **query) == names

    def test_service_accounts_are_not_among_the_people(self, client, root, ann, operator):
        account = create_service_account(name="robot", owner=ann, purpose="x", by=operator)
        assert names_on(client) == ["ann", "root"]
        assert client.get(url("secondfactors", "change", account.user.pk)).status_code == 302
        assert client.get(url("secondfactors", "reset", account.user.pk)).status_code == 404

    def test_a_list_of_many_costs_no_more_statements(self, client, root, make_user, django_assert_max_num_queries):
        for number in range(8):
            user = make_user(f"user{number}")
            app_of(user)
            recovery.make(user)
        with django_assert_max_num_queries(16):
            client.get(LIST)

    @pytest.mark.parametrize("model", ["secondfactors", "trusteddevice"])
    @pytest.mark.parametrize("view", ["add", "change", "delete"])
    def test_nothing_is_made_changed_or_deleted_by_hand(self, client, root, ann, model, view):
        trust(ann)
        row = ann if model == "secondfactors" else TrustedDevice.objects.get()
        arguments = [] if view == "add" else [row.pk]
        assert (
            client.post(url(model, view, *arguments), {"username": "x", "name": "x", "post": "yes"}).status_code == 403
        )
        row.refresh_from_db()
        assert str(row) in {"ann", "Firefox on Linux"}

    def test_who_may_not_look_sees_nothing(self, client, eve, ann):
        client.force_login(eve("view_tokensession"))
        for page in (LIST, url("secondfactors", "change", ann.pk), DEVICES):
            assert client.get(page).status_code == 403
        assert "econd factors" not in text_of(client.get("/admin/"))

    def test_who_may_look_at_factors_only_sees_no_devices_and_no_sessions(self, client, eve, ann):
        app_of(ann)
        trust(ann)
        client.force_login(eve("view_second_factors"))
        page = text_of(client.get(url("secondfactors", "change", ann.pk)))
        assert "authenticator app" in page
        assert "Firefox on Linux" not in page
        assert "Token sessions" not in page
        assert "/reset/" not in page

    def test_neither_content_type_nor_permission_of_the_list_itself_comes_to_be(self, client, root, ann):
        client.get(LIST)
        client.post(url("secondfactors", "reset", ann.pk), REASON)
        assert not ContentType.objects.filter(model="secondfactors").exists()
        assert not Permission.objects.filter(codename__endswith="secondfactors").exists()


class TestResetting:
    def test_mf_11_asks_for_a_reason_and_resets(self, client, root, ann):
        app_of(ann)
        recovery.make(ann)
        address = url("secondfactors", "reset", ann.pk)
        assert address in text_of(client.get(url("secondfactors", "change", ann.pk)))
        assert "ann: authenticator app" in text_of(client.get(address))
        assert "required" in text_of(client.post(address, {"reason_asked": "1", "reason": ""}))
        assert policy.has_second_factor(ann)
        answer = client.post(address, REASON, follow=True)
        assert "People whose second factors were reset: 1." in text_of(answer)
        assert not policy.has_second_factor(ann)
        event = Event.objects.get(action="mfa.reset")
        assert (event.actor_label, event.reason) == ("root", "Seen in person")
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.content_type.model) == (str(ann.pk), "user")

    def test_many_with_one_reason(self, client, root, ann, make_user):
        bob = make_user("bob")
        for user in (ann, bob):
            app_of(user)
        page = text_of(client.post(LIST, select("reset_selected", ann, bob)))
        assert "Reset the second factors of 2 people" in page
        assert policy.has_second_factor(ann)
        client.post(LIST, select("reset_selected", ann, bob, **REASON))
        assert not policy.has_second_factor(ann)
        assert not policy.has_second_factor(bob)
        assert Event.objects.filter(action="mfa.reset").count() == 2

    def test_many_among_whom_is_one_that_may_not_be_reset_changes_nothing(self, client, root, ann):
        for user in (ann, root):
            app_of(user)
        answer = client.post(LIST, select("reset_selected", ann, root, **REASON), follow=True)
        assert "Nothing was changed" in text_of(answer)
        assert policy.has_second_factor(ann)
        assert policy.has_second_factor(root)
        assert not Event.objects.filter(action="mfa.reset").exists()

    def test_nobody_resets_their_own_to_get_around_a_step_up(self, client, root):
        app_of(root)
        address = url("secondfactors", "reset", root.pk)
        assert address not in text_of(client.get(url("secondfactors", "change", root.pk)))
        assert "Nobody resets their own" in text_of(client.post(address, REASON, follow=True))
        assert policy.has_second_factor(root)

    def test_who_is_no_superuser_resets_no_superuser(self, client, eve, make_user):
        root = make_user("root", is_superuser=True)
        app_of(root)
        client.force_login(eve("view_second_factors", "reset_second_factors"))
        address = url("secondfactors", "reset", root.pk)
        assert address not in text_of(client.get(url("secondfactors", "change", root.pk)))
        for post in (client.post(address, REASON), client.post(LIST, select("reset_selected", root, **REASON))):
            assert post.status_code == 302
        assert policy.has_second_factor(root)

    def test_looking_does_not_mean_resetting(self, client, eve, ann):
        app_of(ann)
        client.force_login(eve("view_second_factors"))
        assert "reset_selected" not in text_of(client.get(LIST))
        assert client.post(url("secondfactors", "reset", ann.pk), REASON).status_code == 403
        client.post(LIST, select("reset_selected", ann, **REASON))
        assert policy.has_second_factor(ann)

    def test_the_two_permissions_are_enough(self, client, eve, ann):
        app_of(ann)
        client.force_login(eve("view_second_factors", "reset_second_factors"))
        client.post(url("secondfactors", "reset", ann.pk), REASON)
        assert not policy.has_second_factor(ann)

    def test_a_get_resets_nothing(self, client, root, ann):
        app_of(ann)
        client.get(url("secondfactors", "reset", ann.pk), REASON)
        assert policy.has_second_factor(ann)

    @pytest.mark.parametrize("object_id", ["0", "x", "9" * 30])
    def test_a_person_who_is_not_there_is_not_found(self, client, root, object_id):
        assert client.get(url("secondfactors", "reset", object_id)).status_code == 404

    def test_where_sessions_cannot_be_found_it_warns(self, client, root, ann, monkeypatch):
        monkeypatch.setattr("django_apiaccess.login.administration.end_django_sessions", lambda user: None)
        answer = client.post(url("secondfactors", "reset", ann.pk), REASON, follow=True)
        assert "could not be found" in text_of(answer)


class TestTrustedDevices:
    def test_the_list_says_who_where_and_until_when(self, client, root, ann):
        trust(ann)
        page = text_of(client.get(DEVICES))
        for word in ("ann", "Firefox on Linux", "203.0.113.5", "in 29 d", "trusted"):
            assert word in page, word

    def test_ends_many_with_one_reason(self, client, root, ann):
        for name in ("one", "two", "three"):
            trust(ann, name)
        one, two, three = TrustedDevice.objects.order_by("pk")
        assert "End the trust in 2 devices" in text_of(client.post(DEVICES, select("end_selected", one, two)))
        assert trusted.devices_of(ann).count() == 3
        client.post(DEVICES, select("end_selected", one, two, reason_asked="1", reason="Stolen"))
        assert list(trusted.devices_of(ann)) == [three]
        assert Event.objects.filter(action="device.trust_ended", reason="Stolen", actor_label="root").count() == 2

    def test_looking_does_not_mean_ending(self, client, eve, ann):
        trust(ann)
        client.force_login(eve("view_trusteddevice"))
        device = TrustedDevice.objects.get()
        client.post(DEVICES, select("end_selected", device, reason_asked="1", reason="x"))
        assert trusted.devices_of(ann).exists()
        client.force_login(allow(type(ann).objects.get(username="eve"), "revoke_trusteddevice"))
        client.post(DEVICES, select("end_selected", device, reason_asked="1", reason="x"))
        assert not trusted.devices_of(ann).exists()

    @pytest.mark.parametrize(("state", "names"), [("live", ["one"]), ("ended", ["two"]), ("over", ["three"])])
    def test_it_filters_by_state(self, client, root, ann, state, names):
        for name in ("one", "two", "three"):
            trust(ann, name)
        TrustedDevice.objects.filter(name="two").update(revoked_at=timezone.now())
        TrustedDevice.objects.filter(name="three").update(expires_at=timezone.now() - timedelta(seconds=1))
        found = client.get(DEVICES, {"state": state}).context["cl"].result_list
        assert [device.name for device in found] == names


def test_a_user_with_factors_can_be_deleted_by_whoever_may_delete_users(client, make_user, eve):
    bob = make_user("bob")
    app_of(bob)
    recovery.make(bob)
    trust(bob)
    staff = eve()
    staff.user_permissions.add(*Permission.objects.filter(codename__in=["delete_user", "view_user"]))
    client.force_login(type(staff).objects.get(pk=staff.pk))
    assert client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not TrustedDevice.objects.exists()


def test_the_overview_costs_the_same_for_any_number_of_people(make_user, django_assert_num_queries):
    users = [make_user(f"user{number}") for number in range(5)]
    for user in users:
        app_of(user)
        phone_of(user)
    kinds = len(list(overview.device_classes()))
    with django_assert_num_queries(kinds + 1):
        found = overview.owners([user.pk for user in users])
    assert {tuple(owner.types) for owner in found.values()} == {("totp", "sms")}
