"""API keys in the admin: shown once, made and ended by the services, within what the person may do and holds."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.utils import timezone

from django_apiaccess.core.scopes import registry
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.models import Event
from tests.adminkit import KEY, allow, text_of, url, used_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write", "reports:read")


def filled(client, owner, **fields):
    data = {"principal": owner.pk, "name": "nightly", "scopes": ["docs:read"], "lifetime": "90d"}
    data |= {"apiaccess_form": used_form(client, url("apikey", "add")), **fields}
    return {name: value for name, value in data.items() if value is not None}


def make(client, owner, **fields):
    return client.post(url("apikey", "add"), filled(client, owner, **fields))


def everything_stored() -> str:
    """All that the database keeps of what an admin page could have written, as text."""
    sessions = [json.dumps(session.get_decoded()) for session in Session.objects.all()]
    logged = [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    events = [json.dumps({**event.__dict__, "_state": None}, default=str) for event in Event.objects.all()]
    rows = [str(sorted(row.items())) for model in (APIKey, APIKeySecret) for row in model.objects.values()]
    return "\n".join([*sessions, *logged, *events, *rows])


class TestShownOnce:
    def test_the_answer_to_the_post_shows_a_key_that_works(self, client, root, ann, client_of):
        response = make(client, ann)
        assert response.status_code == 200
        (text,) = set(KEY.findall(text_of(response)))
        assert client_of(text).get("/read-only/").status_code == 200
        assert "It is not shown again" in text_of(response)
        assert "curl -H" in text_of(response)

    def test_that_answer_is_stored_nowhere(self, client, root, ann):
        response = make(client, ann)
        assert "no-store" in response["Cache-Control"]
        assert response["Referrer-Policy"] == "no-referrer"

    def test_nothing_keeps_the_text(self, client, root, ann, caplog):
        caplog.set_level("DEBUG")
        response = make(client, ann)
        text = KEY.search(text_of(response))[0]
        key, secret = APIKey.objects.get(), text[-49:]
        pages = [
            url("apikey"),
            url("apikey", "change", key.pk),
            url("apikey", "history", key.pk),
            url("event"),
            "/admin/",
        ]
        seen = "\n".join(text_of(client.get(page)) for page in pages)
        kept = (
            seen
            + everything_stored()
            + caplog.text
            + str([str(message) for message in get_messages(response.wsgi_request)])
        )
        assert secret not in kept
        assert APIKeySecret.objects.get().digest not in seen
        assert not KEY.search(kept)

    def test_sending_the_form_again_makes_no_second_key_and_shows_nothing(self, client, root, ann):
        data = filled(client, ann)
        client.post(url("apikey", "add"), data)
        again = client.post(url("apikey", "add"), data, follow=True)
        assert APIKey.objects.count() == 1
        assert again.redirect_chain
        assert "this form was sent before" in text_of(again)
        assert not KEY.search(text_of(again))

    @pytest.mark.parametrize("form", [None, "", "made-up"])
    def test_a_form_that_this_session_did_not_open_makes_no_key(self, client, root, ann, form):
        assert make(client, ann, apiaccess_form=form).status_code == 302
        assert not APIKey.objects.exists()

    def test_a_form_with_an_error_can_be_mended_and_sent(self, client, root, ann):
        data = filled(client, ann, name="")
        refused = client.post(url("apikey", "add"), data)
        assert "This field is required" in text_of(refused)
        assert data["apiaccess_form"] in text_of(refused)
        assert KEY.search(text_of(client.post(url("apikey", "add"), {**data, "name": "mended"})))

    def test_an_imported_text_is_not_needed_to_show_the_page_of_its_key(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        key.secrets.update(public_id="drf-api-key:abcdefgh")
        assert "imported" in text_of(client.get(url("apikey", "change", key.pk)))


class TestMaking:
    def test_it_leaves_an_event_with_who_and_from_where(self, client, root, ann):
        make(client, ann, networks="10.0.0.0/8", rate="5/min")
        event = Event.objects.get(action="key.created")
        assert (event.actor_label, event.address, event.target_label) == ("root", "127.0.0.1", "nightly")
        assert APIKey.objects.get().created_by == root

    @pytest.mark.parametrize(("lifetime", "days"), [("7d", 7), ("90d", 90), ("365d", 365), ("never", None)])
    def test_presets_of_expiry(self, client, root, ann, lifetime, days):
        make(client, ann, lifetime=lifetime)
        expires = APIKey.objects.get().expires_at
        if days is None:
            assert expires is None
        else:
            assert abs(expires - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)

    def test_a_date_of_ones_own(self, client, root, ann):
        make(client, ann, lifetime="date", expires_at_0="2099-01-02", expires_at_1="03:04:05")
        assert APIKey.objects.get().expires_at.isoformat() == "2099-01-02T03:04:05+00:00"

    def test_the_longest_lifetime_of_the_settings_bounds_the_presets(self, client, root, ann, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "KEY_MAX_LIFETIME": "30d"}
        page = text_of(client.get(url("apikey", "add")))
        assert 'value="30d" selected' in page
        assert 'value="90d"' not in page
        assert 'value="never"' not in page
        refused = make(client, ann, lifetime="date", expires_at_0="2099-01-02", expires_at_1="00:00")
        assert "lives at most 30d" in text_of(refused)

    def test_scopes_are_told_with_their_meaning_and_wildcards_as_now_and_later(self, client, root):
        page = text_of(client.get(url("apikey", "add")))
        assert "See documents" in page
        assert "Everything on docs, now and later" in page

    @pytest.mark.parametrize(
        ("field", "value", "says"),
        [
            ("networks", "10.0.0.0/99", "is not a network"),
            ("origins", "shop.example", "is not an origin"),
            ("rate", "often", "is not a rate"),
            ("scopes", ["docs:raed"], "Did you mean"),
            ("scopes", ["docs:delete"], "ann does not hold docs:delete"),
            ("principal", "99999", "not one of the available choices"),
            ("principal", "9" * 40, "not one of the available choices"),
            ("principal", "x'; --", "not one of the available choices"),
            ("lifetime", "1000y", "not one of the available choices"),
            ("name", "n" * 101, "at most 100 characters"),
            ("name", "a\x00b", "Null characters"),
            ("name", "   ", "required"),
        ],
    )
    def test_bad_input_is_an_error_of_the_form_and_makes_nothing(self, client, root, ann, field, value, says):
        response = make(client, ann, **{field: value})
        assert response.status_code == 200
        assert says in text_of(response).replace("&#x27;", "'")
        assert not APIKey.objects.exists()

    def test_a_key_for_an_inactive_principal_is_refused(self, client, root, make_user):
        gone = make_user("gone", "docs:read", is_active=False)
        assert "is not active" in text_of(make(client, gone))


class TestWithinOnesOwnRights:
    def test_staff_gives_no_scope_that_they_do_not_hold(self, client, ann, make_user):
        client.force_login(allow(make_user("bob", "reports:read"), "add_apikey"))
        response = make(client, ann)
        assert "bob does not hold docs:read" in text_of(response)
        assert not APIKey.objects.exists()
        event = Event.objects.get(action="change.refused")
        assert (event.reason, event.actor_label, event.outcome) == ("not_held", "bob", "denied")

    def test_staff_gives_what_they_hold(self, client, ann, make_user):
        client.force_login(allow(make_user("bob", "docs:read"), "add_apikey"))
        assert KEY.search(text_of(make(client, ann)))

    def test_staff_gets_no_new_secret_of_a_key_that_can_do_more_than_they_can(self, client, ann, make_user, make_key):
        key = make_key(ann, "docs:write").key
        client.force_login(allow(make_user("bob"), "view_apikey", "rotate_apikey"))
        page = url("apikey", "rotate", key.pk)
        response = client.post(page, {"grace": "0", "apiaccess_form": used_form(client, page)})
        assert "bob does not hold" in text_of(response)
        assert key.secrets.count() == 1
        assert Event.objects.filter(action="change.refused", actor_label="bob").exists()


class TestPermissions:
    PAGES = {
        "changelist": "view_apikey",
        "add": "add_apikey",
        "change": "view_apikey",
        "rotate": "rotate_apikey",
        "revoke": "revoke_apikey",
    }

    @pytest.mark.parametrize(("page", "needed"), PAGES.items())
    def test_each_page_asks_for_its_own_permission(self, client, make_user, make_key, page, needed):
        bob = make_user("bob", "docs:read")
        key = make_key(bob, "docs:read").key
        args = (key.pk,) if page in {"change", "rotate", "revoke"} else ()
        others = {"view_apikey", "add_apikey", "change_apikey", "rotate_apikey", "revoke_apikey", "delete_apikey"} - {
            needed
        }
        if needed == "view_apikey":
            others.discard("change_apikey")  # as in Django, who may change may look
        bob = allow(bob, *others)
        client.force_login(bob)
        assert client.get(url("apikey", page, *args)).status_code == 403
        assert client.post(url("apikey", page, *args)).status_code == 403
        client.force_login(allow(bob, needed))
        assert client.get(url("apikey", page, *args)).status_code == 200

    def test_who_may_only_look_sees_no_buttons(self, client, ann, make_user, make_key):
        key = make_key(ann, "docs:read").key
        client.force_login(allow(make_user("bob"), "view_apikey"))
        page = text_of(client.get(url("apikey", "change", key.pk)))
        for gone in ("/rotate/", "/revoke/", 'name="_save"', "/delete/", 'type="checkbox"'):
            assert gone not in page
        assert "docs:read" in page
        assert "revoke_selected" not in text_of(client.get(url("apikey")))

    def test_the_page_of_a_bound_key_names_the_public_key_and_that_of_another_none(self, client, root, ann, make_key):
        jkt = "A" * 43
        for issued in (make_key(ann, "docs:read", dpop_jkt=jkt), make_key(ann, "docs:read")):
            page = text_of(client.get(url("apikey", "change", issued.key.pk)))
            assert (jkt in page) is ("DPoP" in page) is bool(issued.key.dpop_jkt)

    def test_nobody_deletes_a_key_on_its_own_page(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        assert client.post(url("apikey", "delete", key.pk), {"post": "yes"}).status_code == 403
        assert APIKey.objects.exists()

    def test_a_user_with_keys_can_still_be_deleted_in_the_admin(self, client, root, ann, make_key):
        make_key(ann, "docs:read")
        client.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
        assert not APIKey.objects.exists()

    def test_a_user_with_keys_is_not_deleted_by_who_may_not_delete_keys(self, client, ann, make_user, make_key):
        from django.contrib.auth.models import Permission

        make_key(ann, "docs:read")
        bob = allow(make_user("bob"), "delete_grant")
        bob.user_permissions.add(*Permission.objects.filter(codename__in=["delete_user", "view_user"]))
        client.force_login(bob)
        client.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
        assert APIKey.objects.exists()

    def test_strangers_are_sent_to_the_log_in_page(self, client, ann, make_key):
        key = make_key(ann, "docs:read").key
        for page in (url("apikey", "rotate", key.pk), url("apikey", "revoke", key.pk), url("apikey", "find")):
            assert client.post(page, {"q": "x", "reason": "y"})["Location"].startswith("/admin/login/")


class TestChanging:
    def post(self, client, key, **fields):
        expires = timezone.localtime(key.expires_at) if key.expires_at else None
        data = {
            "name": key.name,
            "scopes": sorted(key.scopes),
            "networks": key.networks,
            "origins": key.origins,
            "rate": key.rate,
            "expires_at_0": expires.strftime("%Y-%m-%d") if expires else "",
            "expires_at_1": expires.strftime("%H:%M:%S") if expires else "",
        }
        return client.post(url("apikey", "change", key.pk), data | fields)

    def test_a_change_is_written_with_before_and_after(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        assert self.post(client, key, rate="7/min").status_code == 302
        key.refresh_from_db()
        assert key.rate == "7/min"
        details = Event.objects.get(action="key.changed").details
        assert (details["before"]["rate"], details["after"]["rate"]) == ("", "7/min")

    def test_saving_what_is_there_writes_nothing(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        self.post(client, key)
        assert not Event.objects.filter(action="key.changed").exists()
        before = key.expires_at
        key.refresh_from_db()
        assert key.expires_at == before

    def test_a_scope_beyond_the_principal_is_an_error(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        assert "ann does not hold docs:delete" in text_of(self.post(client, key, scopes=["docs:delete"]))
        key.refresh_from_db()
        assert key.scopes == {"docs:read"}

    def test_staff_widens_no_key_beyond_their_own_rights(self, client, ann, make_user, make_key):
        key = make_key(ann, "docs:read").key
        client.force_login(allow(make_user("bob"), "change_apikey"))
        assert "bob does not hold" in text_of(self.post(client, key, scopes=["docs:read", "reports:read"]))

    def test_a_revoked_key_is_only_looked_at(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        APIKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now(), revoked_reason="leaked")
        assert "leaked" in text_of(client.get(url("apikey", "change", key.pk)))
        assert self.post(client, key, name="again").status_code == 403

    def test_a_scope_that_is_no_longer_declared_is_shown_and_can_be_taken_off(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        APIKey.objects.filter(pk=key.pk).update(scopes="docs:read old:read")
        key.refresh_from_db()
        page = text_of(client.get(url("apikey", "change", key.pk)))
        assert "no longer declared" in page
        self.post(client, key, scopes=["docs:read"])
        key.refresh_from_db()
        assert key.scopes == {"docs:read"}


class TestRotating:
    def rotate(self, client, key, **fields):
        page = url("apikey", "rotate", key.pk)
        return client.post(page, {"grace": "24h", "apiaccess_form": used_form(client, page), **fields})

    def test_the_new_secret_works_and_the_old_one_for_its_grace(self, client, root, ann, make_key, client_of):
        issued = make_key(ann, "docs:read")
        text = KEY.search(text_of(self.rotate(client, issued.key)))[0]
        assert text != issued.text
        assert client_of(text).get("/read-only/").status_code == 200
        assert client_of(issued).get("/read-only/").status_code == 200
        assert text[-49:] not in everything_stored()

    def test_no_grace_ends_the_old_secret_now(self, client, root, ann, make_key, client_of):
        issued = make_key(ann, "docs:read")
        assert "The old secret has ended" in text_of(self.rotate(client, issued.key, grace="0"))
        assert client_of(issued).get("/read-only/").status_code == 401

    def test_it_leaves_an_event_and_a_line_in_the_history(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        self.rotate(client, key, reason="yearly")
        assert Event.objects.get(action="key.rotated").reason == "yearly"
        assert "Rotated" in text_of(client.get(url("apikey", "history", key.pk)))

    def test_sending_it_again_rotates_no_second_time(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        page = url("apikey", "rotate", key.pk)
        data = {"grace": "24h", "apiaccess_form": used_form(client, page)}
        client.post(page, data)
        again = client.post(page, data, follow=True)
        assert key.secrets.count() == 2
        assert not KEY.search(text_of(again))

    @pytest.mark.parametrize("grace", ["", "-1h", "9999y", "24h; DROP", "x" * 5000])
    def test_a_grace_that_is_not_offered_is_refused(self, client, root, ann, make_key, grace):
        key = make_key(ann, "docs:read").key
        assert self.rotate(client, key, grace=grace).status_code == 200
        assert key.secrets.count() == 1

    def test_the_page_says_when_an_older_secret_is_still_in_use(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        self.rotate(client, key)
        key.secrets.filter(retired_at__isnull=False).update(last_used_at=timezone.now() + timedelta(seconds=1))
        assert "still uses a secret" in text_of(client.get(url("apikey", "rotate", key.pk)))

    def test_a_revoked_key_is_not_rotated(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        APIKey.objects.update(revoked_at=timezone.now())
        assert client.get(url("apikey", "rotate", key.pk)).status_code == 302
        client.post(url("apikey", "rotate", key.pk), {"grace": "24h"})
        assert key.secrets.count() == 1


class TestRevoking:
    def test_it_asks_for_a_reason(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        response = client.post(url("apikey", "revoke", key.pk), {"reason_asked": "1", "reason": "  "})
        assert "This field is required" in text_of(response)
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_the_next_request_is_refused_and_the_event_has_the_reason(self, client, root, ann, make_key, client_of):
        issued = make_key(ann, "docs:read")
        client.post(url("apikey", "revoke", issued.key.pk), {"reason_asked": "1", "reason": "laptop lost"})
        assert client_of(issued).get("/read-only/").status_code == 401
        event = Event.objects.get(action="key.revoked")
        assert (event.reason, event.actor_label) == ("laptop lost", "root")

    def test_many_at_once_with_one_reason(self, client, root, ann, make_key):
        keys = [make_key(ann, "docs:read", name=f"key {number}").key for number in range(3)]
        data = {"action": "revoke_selected", "_selected_action": [key.pk for key in keys[:2]]}
        page = client.post(url("apikey"), data)
        assert "key 0" in text_of(page)
        assert not APIKey.objects.filter(revoked_at__isnull=False).exists()
        client.post(url("apikey"), {**data, "reason_asked": "1", "reason": "gone"})
        assert set(APIKey.objects.filter(revoked_reason="gone")) == set(keys[:2])
        assert Event.objects.filter(action="key.revoked").count() == 2

    def test_the_action_is_refused_without_the_permission(self, client, ann, make_user, make_key):
        key = make_key(ann, "docs:read").key
        client.force_login(allow(make_user("bob"), "view_apikey", "change_apikey", "rotate_apikey"))
        client.post(
            url("apikey"),
            {"action": "revoke_selected", "_selected_action": [key.pk], "reason_asked": "1", "reason": "x"},
        )
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_djangos_own_deletion_in_bulk_is_not_there(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        client.post(url("apikey"), {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"})
        assert APIKey.objects.exists()


class TestFinding:
    def names(self, client, **query):
        response = client.get(url("apikey"), query)
        return {key.name for key in response.context["cl"].result_list}

    def test_by_name_principal_and_public_id(self, client, root, ann, make_key, make_user):
        issued = make_key(ann, "docs:read", name="nightly")
        make_key(make_user("bob", "docs:read"), "docs:read", name="other")
        for query in ("night", "ann", issued.text.split("_")[1]):
            assert self.names(client, q=query) == {"nightly"}

    def test_a_pasted_key_is_found_and_its_secret_gets_into_no_address(self, client, root, ann, make_key):
        issued = make_key(ann, "docs:read", name="nightly")
        response = client.post(url("apikey", "find"), {"q": f"Authorization: Api-Key {issued.text} "})
        assert issued.text[-49:] not in response["Location"]
        response = client.post(url("apikey", "find"), {"q": issued.text})
        assert {key.name for key in client.get(response["Location"]).context["cl"].result_list} == {"nightly"}

    def test_a_key_that_lost_its_end_is_found_too(self, client, root, ann, make_key):
        issued = make_key(ann, "docs:read", name="nightly")
        response = client.post(url("apikey", "find"), {"q": issued.text[:40]})
        assert issued.text[16:40] not in response["Location"]
        assert {key.name for key in client.get(response["Location"]).context["cl"].result_list} == {"nightly"}

    def test_a_key_in_the_address_is_taken_out_of_it_with_a_warning(self, client, root, ann, make_key):
        issued = make_key(ann, "docs:read", name="nightly")
        response = client.get(url("apikey"), {"q": issued.text, "status": "active"}, follow=True)
        assert len(response.redirect_chain) == 1
        assert issued.text[-49:] not in response.redirect_chain[0][0] + text_of(response)
        assert "status=active" in response.redirect_chain[0][0]
        assert "servers may have logged" in text_of(response)

    def test_an_imported_token_is_found_by_its_text(self, client, root, ann, make_key):
        from django_apiaccess.keys.legacy import authtoken_id

        token = "0123456789abcdef0123456789abcdef01234567"
        make_key(ann, "docs:read", name="imported").key.secrets.update(public_id=authtoken_id(token))
        response = client.post(url("apikey", "find"), {"q": token})
        assert token not in response["Location"]
        assert {key.name for key in client.get(response["Location"]).context["cl"].result_list} == {"imported"}

    @pytest.mark.parametrize("query", ["", "'", "%", "\x00", "a" * 5000, "ak_", "ak__", "🗝️", '"', "docs:*"])
    def test_hostile_searches_are_answered(self, client, root, ann, make_key, query):
        make_key(ann, "docs:read")
        assert client.post(url("apikey", "find"), {"q": query}).status_code == 302
        assert client.get(url("apikey"), {"q": query}).status_code in {200, 302}

    def test_find_asks_for_the_permission_to_look(self, client, make_user):
        client.force_login(allow(make_user("bob"), "add_apikey"))
        assert client.post(url("apikey", "find"), {"q": "x"}).status_code == 403
        assert client.get(url("apikey", "find")).status_code == 405

    def test_filters(self, client, root, ann, make_key, make_user, operator):
        from django_apiaccess.roles import service as roles

        now = timezone.now()
        keys = APIKey.objects
        make_key(ann, "docs:read", name="fresh")
        keys.filter(name="fresh").update(last_used_at=now)
        make_key(ann, "docs:read", name="unused")
        keys.filter(name="unused").update(last_used_at=now - timedelta(days=91), created_at=now - timedelta(days=200))
        make_key(ann, "docs:read", name="never")
        make_key(ann, "docs:read", name="expiring", expires_at=now + timedelta(days=13))
        make_key(ann, "docs:read", name="expired", expires_at=now + timedelta(days=1))
        keys.filter(name="expired").update(expires_at=now - timedelta(days=1))
        make_key(ann, "docs:read", name="revoked")
        keys.filter(name="revoked").update(revoked_at=now)
        bob = make_user("bob", "docs:write")
        make_key(bob, "docs:write", name="wide")
        make_key(root, "docs:*", name="growing")
        make_key(root, "docs:read", name="narrow")
        roles.ungrant(bob.apiaccess_grants.all(), by=operator)
        make_key(ann, "docs:read", name="legacy").key.secrets.update(public_id="knox:1234")
        keys.exclude(name__in=["never", "unused"]).update(last_used_at=now)
        assert self.names(client, status="expired") == {"expired"}
        assert self.names(client, status="revoked") == {"revoked"}
        assert not {"expired", "revoked"} & self.names(client, status="active")
        assert self.names(client, attention="unused") == {"unused"}
        assert self.names(client, attention="never") == {"never"}
        assert self.names(client, attention="expiring") == {"expiring"}
        assert self.names(client, attention="over") == {"wide", "growing"}
        assert self.names(client, attention="legacy") == {"legacy"}

    def test_the_number_of_queries_of_the_list_does_not_grow_with_its_rows(
        self, client, root, ann, make_key, django_assert_max_num_queries
    ):
        for number in range(20):
            make_key(ann, "docs:read", name=f"key {number}")
        with django_assert_max_num_queries(8):
            client.get(url("apikey"))


class TestEffectiveRights:
    def page(self, client, key):
        return text_of(client.get(url("apikey", "change", key.pk)))

    def test_the_table_says_what_is_granted_held_and_where_it_comes_from(
        self, client, root, make_user, make_role, make_key
    ):
        make_role("reader", "docs:read")
        make_role("chief", "docs:delete", parents=["reader"])
        bob = make_user("bob", role="chief")
        page = self.page(client, make_key(bob, "docs:read").key)
        assert 'role chief <span aria-label="gives">→</span> role reader' in page
        assert "testapp.delete_document" in page

    def test_a_scope_that_the_principal_lost_is_not_effective(self, client, root, ann, make_key, operator):
        from django_apiaccess.roles import service as roles

        key = make_key(ann, "reports:read").key
        roles.ungrant(ann.apiaccess_grants.all(), by=operator)
        page = self.page(client, key)
        assert page.count('aa-bad">no<') == 1
        assert 'aa-neutral">no<' in page

    def test_a_key_of_an_inactive_principal_opens_nothing_and_the_page_says_so(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        type(ann).objects.filter(pk=ann.pk).update(is_active=False)
        assert "The principal is not active: the key opens nothing" in self.page(client, key)

    def test_an_undeclared_scope_is_named_as_such(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read").key
        registry.declare("old:read", "Gone")
        APIKey.objects.update(scopes="old:read")
        registry.forget("old:read")
        assert "not declared any more" in self.page(client, key)

    def test_names_are_escaped(self, client, root, ann, make_key):
        key = make_key(ann, "docs:read", name="<script>alert(1)</script>").key
        for page in (self.page(client, key), text_of(client.get(url("apikey")))):
            assert "<script>alert" not in page
        assert "<script>alert" not in text_of(client.get(url("apikey", "rotate", key.pk)))
        assert "<script>alert" not in text_of(client.get(url("apikey", "revoke", key.pk)))


@pytest.mark.parametrize("bad", ["0", "999999", "9" * 60, "-1", "abc", "1/2", "_00", "%00", "ü", "' OR 1=1"])
@pytest.mark.parametrize("view", ["change", "rotate", "revoke", "history"])
def test_addresses_of_keys_that_are_not_there_are_answered_politely(client, root, bad, view):
    assert client.get(url("apikey", view, bad)).status_code in {302, 404}
