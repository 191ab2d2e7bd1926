"""Roles, grants and separations of duty in the admin: the services decide, the pages show and ask."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from django_apiaccess.models import Event
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant, Role, SeparationOfDuty
from tests.adminkit import allow, text_of, url
from tests.testapp.models import Document, Parcel

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


class TestRoles:
    def save(self, client, role=None, **fields):
        data = {
            "name": "editor",
            "description": "",
            "scopes": ["docs:write"],
            "parents": [],
            "permissions": [],
            **fields,
        }
        return client.post(url("role", "change", role.pk) if role else url("role", "add"), data)

    def test_a_new_role_gives_what_was_ticked_and_leaves_an_event(self, client, root, make_role, make_user):
        reader = make_role("reader", "docs:read")
        permission = Permission.objects.get(codename="view_parcel")
        self.save(client, parents=[reader.pk], permissions=[permission.pk])
        role = Role.objects.get(name="editor")
        assert roles.snapshot(role) == {
            "description": "",
            "inherits": ["reader"],
            "scopes": ["docs:write"],
            "permissions": ["testapp.view_parcel"],
        }
        event = Event.objects.get(action="role.created", target_label="editor")
        assert (event.actor_label, event.details["after"]["scopes"]) == ("root", ["docs:write"])

    def test_a_change_is_felt_at_the_next_request(self, client, root, make_role, make_user, make_key, client_of):
        role = make_role("editor", "docs:read")
        key = client_of(make_key(make_user("ann", role="editor"), "docs:read"))
        assert key.get("/read-only/").status_code == 200
        self.save(client, role, scopes=["reports:read"])
        assert key.get("/read-only/").status_code == 403
        assert Event.objects.filter(action="role.changed").count() == 1

    def test_saving_what_is_there_writes_nothing(self, client, root, make_role):
        role = make_role("editor", "docs:write")
        self.save(client, role)
        assert not Event.objects.filter(action="role.changed").exists()

    def test_the_name_is_chosen_once(self, client, root, make_role):
        role = make_role("editor", "docs:write")
        self.save(client, role, name="other", scopes=["docs:read"])
        role.refresh_from_db()
        assert role.name == "editor"
        assert [scope.name for scope in role.scopes.all()] == ["docs:read"]

    def test_a_name_that_is_taken_changes_nothing(self, client, root, make_role):
        role = make_role("editor", "docs:write")
        response = self.save(client, scopes=["docs:read"])
        assert response.status_code == 200
        assert "already exists" in text_of(response)
        assert [scope.name for scope in role.scopes.all()] == ["docs:write"]

    def test_a_circle_is_an_error_of_the_form(self, client, root, make_role):
        reader = make_role("reader", "docs:read")
        editor = make_role("editor", "docs:write", parents=["reader"])
        response = self.save(client, reader, scopes=["docs:read"], parents=[editor.pk])
        assert "circle" in text_of(response)
        assert not reader.parents.exists()

    def test_inheriting_an_exclusive_role_is_an_error_of_the_form(self, client, root, make_role, make_user, operator):
        payer, approver = make_role("payer", "docs:write"), make_role("approver", "docs:delete")
        roles.save_separation(name="four eyes", roles=["payer", "approver"], by=operator)
        make_user("ann", role="payer")
        response = self.save(client, payer, parents=[approver.pk])
        assert "four eyes" in text_of(response)
        assert not payer.parents.exists()

    def test_staff_makes_no_role_wider_than_themselves(self, client, make_user):
        client.force_login(allow(make_user("bob", "docs:read"), "add_role"))
        response = self.save(client, scopes=["docs:write"])
        assert "bob does not hold docs:write" in text_of(response)
        assert not Role.objects.exists()
        assert Event.objects.get(action="change.refused").details["missing"] == ["docs:write"]
        self.save(client, scopes=["docs:read"])
        assert Role.objects.get().name == "editor"

    def test_staff_puts_no_permission_into_a_role_that_they_do_not_have(self, client, make_user):
        client.force_login(allow(make_user("bob"), "add_role"))
        permission = Permission.objects.get(codename="delete_user")
        response = self.save(client, scopes=[], permissions=[permission.pk])
        assert "does not have the permission auth.delete_user" in text_of(response)
        assert not Role.objects.exists()

    @pytest.mark.parametrize(
        "fields",
        [
            {"scopes": ["docs:nothing"]},
            {"scopes": ["'; --"]},
            {"scopes": ["x" * 5000]},
            {"parents": ["99999"]},
            {"parents": ["x"]},
            {"parents": ["9" * 40]},
            {"permissions": ["x"]},
            {"name": "a\x00"},
            {"name": "n" * 200},
            {"description": "d" * 300},
        ],
    )
    def test_bad_input_is_an_error_of_the_form(self, client, root, fields):
        assert self.save(client, **fields).status_code in {200, 302}  # 302: a number that SQLite cannot hold
        assert not Role.objects.exists()

    def test_the_page_shows_the_tree_and_who_has_it(self, client, root, make_role, make_user):
        reader = make_role("reader", "docs:read")
        make_role("editor", "docs:write", parents=["reader"])
        make_role("chief", "docs:delete", parents=["editor"])
        make_user("ann", role="chief")
        page = text_of(client.get(url("role", "change", Role.objects.get(name="chief").pk)))
        tree = page[page.index("aa-tree") :]
        assert tree.index("chief") < tree.index("editor") < tree.index("reader")
        page = text_of(client.get(url("role", "change", reader.pk)))
        assert "Inherited by:" in page
        assert "role chief" in page
        assert "ann" in page

    def test_deleting_goes_through_the_service(self, client, root, make_role):
        role = make_role("editor", "docs:write")
        client.post(url("role", "delete", role.pk), {"post": "yes"})
        assert not Role.objects.exists()
        assert Event.objects.get(action="role.deleted").actor_label == "root"

    def test_who_may_only_look_changes_nothing_and_sees_no_holders(self, client, make_user, make_role):
        role = make_role("editor", "docs:write")
        make_user("ann", role="editor")
        client.force_login(allow(make_user("bob"), "view_role"))
        page = text_of(client.get(url("role", "change", role.pk)))
        for gone in ('name="_save"', "/delete/", "Who has it", "ann"):
            assert gone not in page
        assert "docs:write" in page
        assert self.save(client, role, description="x").status_code == 403
        assert client.get(url("role", "add")).status_code == 403
        assert client.post(url("role", "delete", role.pk), {"post": "yes"}).status_code == 403


class TestGrants:
    def give(self, client, **fields):
        return client.post(url("grant", "add"), {"reason": "", **fields})

    def test_a_role_to_a_user_with_reason_and_giver(self, client, root, make_user, make_role):
        role, ann = make_role("editor", "docs:write"), make_user("ann")
        self.give(client, user=ann.pk, role=role.pk, reason="new colleague")
        grant = Grant.objects.get()
        assert (grant.holder, grant.right, grant.given_by, grant.reason) == (
            "ann",
            "role editor",
            root,
            "new colleague",
        )
        event = Event.objects.get(action="grant.given")
        assert (event.actor_label, event.reason, event.details["holder"]) == ("root", "new colleague", "ann")

    def test_a_scope_to_a_group_on_one_object_for_a_time(self, client, root, operator):
        group, document = Group.objects.create(name="staff"), Document.objects.create(title="plan")
        kind = ContentType.objects.get_for_model(Document)
        scope = roles.names.scope_row("docs:read")
        self.give(
            client,
            group=group.pk,
            scope=scope.pk,
            content_type=kind.pk,
            object_id=str(document.pk),
            ends_at_0="2099-01-01",
            ends_at_1="00:00",
        )
        grant = Grant.objects.get()
        assert (grant.target, grant.ends_at.year) == (f"testapp.document:{document.pk}", 2099)

    def test_an_object_with_a_uuid_is_found_with_and_without_dashes(self, client, root, make_user):
        parcel, kind = Parcel.objects.create(title="box"), ContentType.objects.get_for_model(Parcel)
        scope = roles.names.scope_row("docs:read")
        data = {"user": make_user("ann").pk, "scope": scope.pk, "content_type": kind.pk, "object_id": str(parcel.pk)}
        self.give(client, **data)
        assert Grant.objects.get().object_id == parcel.pk.hex

    def test_the_same_grant_twice_is_told(self, client, root, make_user, make_role):
        role, ann = make_role("editor", "docs:write"), make_user("ann", role="editor")
        response = self.give(client, user=ann.pk, role=role.pk)
        assert "has exactly this already" in text_of(response)
        assert Grant.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({}, "Give a role or a scope"),
            ({"scope": "docs:read", "role": True}, "Give a role or a scope"),
            ({"user": None, "scope": "docs:read"}, "Give it to a user or to a group"),
            ({"group": True, "scope": "docs:read"}, "Give it to a user or to a group"),
            ({"scope": "docs:read", "object_id": "1"}, "or neither"),
            ({"scope": "docs:read", "kind": True}, "or neither"),
            ({"scope": "docs:read", "kind": True, "object_id": "999999"}, "There is no document"),
            ({"scope": "docs:read", "kind": True, "object_id": "9" * 60}, "There is no document"),
            ({"scope": "docs:read", "kind": True, "object_id": "x' OR 1"}, "There is no document"),
            ({"scope": "docs:read", "kind": True, "object_id": "1" * 70}, "at most 64"),
            ({"scope": "docs:read", "ends_at_0": "2001-01-01", "ends_at_1": "00:00"}, "lie in the future"),
            ({"scope": "docs:read", "ends_at_0": "soon", "ends_at_1": "x"}, "Enter a valid date"),
            ({"scope": "docs:read", "user": "9" * 40}, "Select a valid choice"),
            ({"scope": "docs:read", "user": "x"}, "Select a valid choice"),
            ({"scope": "docs:read", "reason": "r\x00"}, "Null characters"),
        ],
    )
    def test_what_cannot_be_is_an_error_of_the_form(self, client, root, make_user, make_role, fields, says):
        ann, role = make_user("ann"), make_role("editor", "docs:write")
        data = {"user": ann.pk, **fields}
        if "scope" in data:
            data["scope"] = roles.names.scope_row(data["scope"]).pk
        if data.pop("kind", False):
            data["content_type"] = ContentType.objects.get_for_model(Document).pk
        if data.get("role"):
            data["role"] = role.pk
        if data.get("group"):
            data["group"] = Group.objects.create(name="staff").pk
        response = self.give(client, **{name: value for name, value in data.items() if value is not None})
        assert response.status_code == 200
        assert says in text_of(response)
        assert not Grant.objects.exists()

    def test_exclusive_roles_do_not_meet(self, client, root, make_user, make_role, operator):
        make_role("payer", "docs:write")
        approver = make_role("approver", "docs:delete")
        roles.save_separation(name="four eyes", roles=["payer", "approver"], by=operator)
        ann = make_user("ann", role="payer")
        response = self.give(client, user=ann.pk, role=approver.pk)
        assert "four eyes" in text_of(response)
        assert Grant.objects.count() == 1

    def test_staff_gives_only_what_they_hold(self, client, make_user, make_role):
        role, ann = make_role("editor", "docs:write"), make_user("ann")
        bob = allow(make_user("bob", "docs:read"), "add_grant")
        client.force_login(bob)
        assert "bob does not hold the role" in text_of(self.give(client, user=ann.pk, role=role.pk))
        assert not ann.apiaccess_grants.exists()
        assert Event.objects.filter(action="change.refused", actor_label="bob").exists()
        self.give(client, user=ann.pk, scope=roles.names.scope_row("docs:read").pk)
        assert ann.apiaccess_grants.get().given_by == bob

    def test_a_grant_is_never_edited(self, client, root, make_user):
        make_user("ann", "docs:read")
        grant = Grant.objects.get()
        assert 'name="_save"' not in text_of(client.get(url("grant", "change", grant.pk)))
        assert client.post(url("grant", "change", grant.pk), {"reason": "x"}).status_code == 403

    def test_taking_it_back_asks_for_a_reason_and_is_felt_at_once(self, client, root, make_user, make_key, client_of):
        ann = make_user("ann", "docs:read")
        key, grant = client_of(make_key(ann, "docs:read")), Grant.objects.get()
        page = url("grant", "delete", grant.pk)
        assert "docs:read" in text_of(client.get(page))
        assert "required" in text_of(client.post(page, {"reason_asked": "1", "reason": ""}))
        assert key.get("/read-only/").status_code == 200
        client.post(page, {"reason_asked": "1", "reason": "left"})
        assert key.get("/read-only/").status_code == 403
        assert Event.objects.get(action="grant.taken").reason == "left"

    def test_many_are_taken_back_with_one_reason(self, client, root, make_user):
        make_user("ann", "docs:read", "docs:write")
        data = {"action": "take_back", "_selected_action": list(Grant.objects.values_list("pk", flat=True))}
        client.post(url("grant"), data)
        assert Grant.objects.count() == 2
        client.post(url("grant"), {**data, "reason_asked": "1", "reason": "left"})
        assert not Grant.objects.exists()
        assert Event.objects.filter(action="grant.taken", reason="left").count() == 2

    def test_who_may_only_look_takes_nothing_back(self, client, make_user):
        make_user("ann", "docs:read")
        grant = Grant.objects.get()
        client.force_login(allow(make_user("bob"), "view_grant", "change_grant"))
        assert "/delete/" not in text_of(client.get(url("grant", "change", grant.pk)))
        assert client.post(url("grant", "delete", grant.pk), {"reason_asked": "1", "reason": "x"}).status_code == 403
        data = {"action": "take_back", "_selected_action": [grant.pk], "reason_asked": "1", "reason": "x"}
        client.post(url("grant"), data)
        assert client.get(url("grant", "add")).status_code == 403
        assert Grant.objects.exists()

    def test_filters_of_state(self, client, root, make_user, operator):
        ann, now = make_user("ann"), timezone.now()
        make = {"user": ann, "by": operator}
        roles.grant(scope="docs:read", **make)
        roles.grant(scope="docs:write", starts_at=now + timedelta(days=1), **make)
        roles.grant(scope="docs:delete", ends_at=now + timedelta(days=1), **make)
        Grant.objects.filter(scope__name="docs:delete").update(ends_at=now - timedelta(days=1))
        found = {}
        for state in ("now", "later", "over"):
            rows = client.get(url("grant"), {"state": state}).context["cl"].result_list
            found[state] = {grant.scope.name for grant in rows}
        assert found == {"now": {"docs:read"}, "later": {"docs:write"}, "over": {"docs:delete"}}


class TestRightsOfAUser:
    def test_each_right_is_shown_with_its_way(self, client, root, make_user, make_role, operator):
        make_role("reader", "docs:read", permissions=["testapp.view_parcel"])
        make_role("editor", "docs:write", parents=["reader"])
        group, ann = Group.objects.create(name="night shift"), make_user("ann")
        ann.groups.add(group)
        roles.grant(group=group, role="editor", by=operator)
        roles.grant(user=ann, scope="docs:delete", on=Document.objects.create(title="plan"), by=operator)
        page = text_of(client.get(url("grant", "rights", ann.pk))).replace(' <span aria-label="gives">→</span> ', " > ")
        assert "group night shift > role editor > role reader" in page
        assert "on testapp.document:" in page
        assert "on single objects" in page
        assert "testapp.view_parcel" in page

    def test_inactive_and_super_are_said(self, client, root, make_user):
        gone = make_user("gone", "docs:read", is_active=False)
        assert "not active: holds nothing" in text_of(client.get(url("grant", "rights", gone.pk)))
        assert "superuser: holds every scope" in text_of(client.get(url("grant", "rights", root.pk)))

    def test_it_asks_for_the_permission_to_see_grants(self, client, make_user):
        client.force_login(allow(make_user("bob"), "view_role", "add_grant"))
        assert client.get(url("grant", "rights", 1)).status_code == 403

    @pytest.mark.parametrize("bad", ["0", "9" * 60, "x", "-1", "1/2", "%00", "ü"])
    def test_users_who_are_not_there(self, client, root, bad):
        assert client.get(url("grant", "rights", bad)).status_code == 404


class TestSeparations:
    def save(self, client, row=None, **fields):
        data = {"name": "four eyes", "at_most": 1, "reason": "", **fields}
        return client.post(url("separationofduty", *(("change", row.pk) if row else ("add",))), data)

    def test_made_changed_and_deleted_with_events(self, client, root, make_role):
        pks = [make_role(name).pk for name in ("payer", "approver", "auditor")]
        self.save(client, roles=pks[:2])
        row = SeparationOfDuty.objects.get()
        self.save(client, row, roles=pks, reason="audit")
        assert row.roles.count() == 3
        client.post(url("separationofduty", "delete", row.pk), {"post": "yes"})
        actions = (
            Event.objects.filter(action__startswith="separation").order_by("pk").values_list("action", "actor_label")
        )
        assert list(actions) == [(f"separation.{verb}", "root") for verb in ("created", "changed", "deleted")]

    def test_one_that_somebody_violates_already_names_them(self, client, root, make_role, make_user, operator):
        pks = [make_role(name).pk for name in ("payer", "approver")]
        ann = make_user("ann", role="payer")
        roles.grant(user=ann, role="approver", by=operator)
        assert "ann would hold approver and payer" in text_of(self.save(client, roles=pks))
        assert not SeparationOfDuty.objects.exists()

    @pytest.mark.parametrize("at_most", ["0", "-1", "99999999", "x", "2"])
    def test_numbers_that_make_no_sense(self, client, root, make_role, at_most):
        pks = [make_role(name).pk for name in ("payer", "approver")]
        assert self.save(client, roles=pks, at_most=at_most).status_code == 200
        assert not SeparationOfDuty.objects.exists()

    def test_an_existing_name_is_not_overwritten(self, client, root, make_role, operator):
        pks = [make_role(name).pk for name in ("payer", "approver", "auditor")]
        roles.save_separation(name="four eyes", roles=["payer", "approver"], by=operator)
        assert self.save(client, roles=pks, at_most=2).status_code == 200
        assert SeparationOfDuty.objects.get().at_most == 1


@pytest.mark.parametrize("model", ["role", "grant", "separationofduty"])
@pytest.mark.parametrize("query", ["", "'", "%", "\x00", "a" * 3000, "🗝️", '"'])
def test_hostile_searches_are_answered(client, root, model, query, make_user):
    make_user("ann", "docs:read")
    assert client.get(url(model), {"q": query}).status_code in {200, 302}


@pytest.mark.parametrize("model", ["role", "grant", "separationofduty"])
@pytest.mark.parametrize("view", ["change", "delete", "history"])
@pytest.mark.parametrize("bad", ["0", "9" * 60, "x", "-1"])
def test_rows_that_are_not_there(client, root, model, view, bad):
    assert client.get(url(model, view, bad)).status_code in {302, 404}
