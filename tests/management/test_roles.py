"""sync_scopes, export_roles and import_roles."""

from __future__ import annotations

import io

import pytest

from django_apiaccess.models import Event, Grant, Role, Scope, SeparationOfDuty
from django_apiaccess.roles import service

FILE = """
version: 1
roles:
  chief:
    inherits: [editor]
    scopes: ["docs:*"]
    permissions: [testapp.view_parcel]
  editor:
    description: Writes
    scopes: [docs:write]
separations:
  four eyes:
    roles: [chief, auditor]
    reason: Nobody checks themselves
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "roles.yaml"
        file.write_text(text)
        return file

    return write


def changes(ran):
    return {row["name"]: row["change"] for row in ran.json}


class TestSyncScopes:
    def test_what_is_missing_outdated_or_undeclared_is_told_and_check_changes_nothing(self, run):
        Scope.objects.filter(name="docs:read").delete()
        Scope.objects.filter(name="docs:write").update(description="?")
        Scope.objects.create(name="old:read")
        with pytest.raises(SystemExit) as end:
            run("sync_scopes", "--check")
        assert end.value.code == 1
        assert not Scope.objects.filter(name="docs:read").exists()
        rows = {row["scope"]: row["difference"] for row in run("sync_scopes", "--format", "json").json}
        assert rows == {"docs:read": "added", "docs:write": "updated", "old:read": "undeclared, kept"}
        assert Scope.objects.filter(name="old:read").exists()
        with pytest.raises(SystemExit):
            run("sync_scopes", "--check")
        run("sync_scopes", "--prune")
        assert not Scope.objects.filter(name="old:read").exists()
        assert run("sync_scopes", "--check", "--format", "json").json == []


class TestExport:
    def test_the_same_roles_are_the_same_text_in_whatever_order_they_were_made(self, run, make_role):
        make_role("b", "docs:write", "docs:read", description="Ünicode: # not a comment")
        make_role("a", "reports:read", parents=["b"], permissions=["testapp.view_parcel"])
        first = run("export_roles").out
        Role.objects.all().delete()
        make_role("a", "reports:read", permissions=["testapp.view_parcel"])
        make_role("b", "docs:read", "docs:write", description="Ünicode: # not a comment")
        service.save_role(name="a", parents=["b"], by=_operator())
        assert run("export_roles").out == first

    @pytest.mark.parametrize(
        "name", ["on", "no", "1.10", "2030-01-01", "null", "~", "a: b", "# x", "'", "ö", "*x", "&x", "- a"]
    )
    def test_every_name_comes_back_as_it_was(self, run, make_role, write, name):
        make_role(name, "docs:read", description=name)
        text = run("export_roles").out
        Role.objects.all().delete()
        run("import_roles", write(text))
        role = Role.objects.get()
        assert (role.name, role.description) == (name, name)
        assert changes(run("import_roles", write(text), "--format", "json")) == {name: "unchanged"}

    def test_separations_travel_along(self, run, make_role, operator, write):
        make_role("payer", "docs:read")
        make_role("approver", "docs:read")
        service.save_separation(name="payments", roles=["payer", "approver"], reason="Four eyes", by=operator)
        text = run("export_roles").out
        SeparationOfDuty.objects.all().delete()
        Role.objects.all().delete()
        run("import_roles", write(text))
        row = SeparationOfDuty.objects.get()
        assert (row.name, row.reason, row.roles.count()) == ("payments", "Four eyes", 2)


def _operator():
    from django_apiaccess.events.source import Actor

    return Actor.command("test")


class TestImport:
    def test_roles_may_name_roles_that_come_later_and_others_are_left_alone(self, run, make_role, write):
        make_role("auditor", "reports:read")
        ran = run("import_roles", write(FILE), "--format", "json")
        assert changes(ran) == {
            "chief": "created",
            "editor": "created",
            "auditor": "left alone",
            "four eyes": "created",
        }
        chief = Role.objects.get(name="chief")
        assert service.snapshot(chief) == {
            "description": "",
            "inherits": ["editor"],
            "scopes": ["docs:*"],
            "permissions": ["testapp.view_parcel"],
        }
        assert sorted(
            Event.objects.filter(action="role.created", actor_label="import_roles").values_list(
                "target_label", flat=True
            )
        ) == [
            "chief",
            "editor",
        ]

    def test_a_second_import_changes_nothing_and_writes_no_event(self, run, make_role, write):
        make_role("auditor", "reports:read")
        run("import_roles", write(FILE))
        events = Event.objects.count()
        ran = run("import_roles", write(FILE), "--format", "json")
        assert set(changes(ran).values()) == {"unchanged", "left alone"}
        assert Event.objects.count() == events

    def test_a_dry_run_shows_the_difference_and_changes_nothing(self, run, make_role, write):
        make_role("auditor", "reports:read")
        make_role("editor", "docs:read", description="Writes")
        before, events = run("export_roles").out, Event.objects.count()
        ran = run("import_roles", write(FILE), "--dry-run", "--format", "json")
        details = {row["name"]: row["details"] for row in ran.json}
        assert details["editor"] == {"scopes": ["+docs:write", "-docs:read"]}
        assert changes(ran)["chief"] == "created"
        assert run("export_roles").out == before
        assert Event.objects.count() == events
        assert "Nothing was changed" in ran.err

    def test_prune_deletes_the_others_with_their_grants_and_says_how_many(self, run, make_role, make_user, write):
        make_role("auditor", "reports:read")
        make_role("old", "docs:read")
        make_user("ann", role="old")
        make_user("bob", role="old")
        text = FILE.replace("roles: [chief, auditor]", "roles: [chief, editor]").replace("inherits: [editor]", "")
        ran = run("import_roles", write(text), "--prune", "--format", "json")
        details = {row["name"]: row["details"] for row in ran.json if row["change"] == "deleted"}
        assert details == {"auditor": {"grants lost": 0}, "old": {"grants lost": 2}}
        assert not Grant.objects.exists()

    def test_inheritance_can_be_turned_round_in_one_file(self, run, make_role, write):
        make_role("a", "docs:read")
        make_role("b", "docs:read", parents=["a"])
        run("import_roles", write("roles: {a: {inherits: [b], scopes: ['docs:read']}, b: {scopes: ['docs:read']}}"))
        assert list(Role.objects.get(name="a").parents.all()) == [Role.objects.get(name="b")]
        assert not Role.objects.get(name="b").parents.exists()

    def test_exclusive_roles_can_change_places_in_one_file(self, run, make_role, make_user, operator, write):
        make_role("pay", "docs:read")
        make_role("approve", "docs:read")
        make_role("one", parents=["pay"])
        make_role("two")
        service.save_separation(name="money", roles=["pay", "approve"], by=operator)
        ann = make_user("ann", role="one")
        service.grant(user=ann, role="two", by=operator)
        text = "roles: {one: {inherits: []}, two: {inherits: [approve]}}"
        run("import_roles", write(text))
        assert list(Role.objects.get(name="two").parents.all()) == [Role.objects.get(name="approve")]

    def test_from_stdin(self, run, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("roles: {reader: {scopes: [docs:read]}}"))
        run("import_roles", "-")
        assert Role.objects.get().name == "reader"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "line 1: the file is empty"),
            ("just words", "the file must be lines of"),
            ("version: 1", "no 'roles:'"),
            ("version: 2\nroles: {}", "line 1: this version"),
            ("roles: {}\nrols: {}", "line 2: the file has no entry 'rols'. Did you mean 'roles'?"),
            ("roles:\n  a: {}\n  a: {}", "line 3: 'a' comes twice"),
            ("roles:\n  a:\n    scopes: []\n    scopes: []", "line 4: 'scopes' comes twice"),
            ("roles:\n  a:\n    scops: []", "line 3: role 'a' has no entry 'scops'. Did you mean 'scopes'?"),
            (
                "roles:\n  a:\n    scopes:\n      - docs:read\n      - docs:raed",
                "line 5: role 'a': Unknown scope 'docs:raed'. Did you mean 'docs:read'?",
            ),
            ("roles:\n  a:\n    scopes: docs:read", "line 3: scopes must be a list"),
            ("roles:\n  a:\n    scopes: [[docs:read]]", "line 3: a plain text"),
            ("roles:\n  a:\n    permissions: [testapp.view_dokument]", "Did you mean 'testapp.view_document'?"),
            (
                "roles:\n  reader: {}\n  a:\n    inherits: [readr]",
                "line 4: 'a' names the role 'readr', which does not exist. Did you mean 'reader'?",
            ),
            ("roles:\n  a: {inherits: [b]}\n  b: {inherits: [a]}", "circle: a, b"),
            ("roles:\n  a: {inherits: [a]}", "circle"),
            ("roles:\n  a: &x {}\n  b: *x", "line 3: an alias"),
            ("roles:\n  a: !!python/object/apply:os.system [echo]", "line 2"),
            ("roles:\n  a:\n    description: !!python/name:os.system x", "line 3: a plain text"),
            ("roles:\n  a: {\n", "line "),
            ("roles:\n\ta: {}", "line 2"),
            ("roles: " + "[" * 5000, "line 1"),
            ("roles:\n  " + "a" * 101 + ": {}", "1 to 100 characters"),
            ("roles:\n  a: {description: " + "x" * 300 + "}", "longer than 255"),
            ("roles: {a: {}}\nseparations:\n  s: {roles: [a]}", "line 3: separation 's' must name more roles"),
            ("roles: {a: {}, b: {}}\nseparations:\n  s: {roles: [a, c]}", "names the role 'c'"),
            ("roles: {a: {}, b: {}}\nseparations:\n  s: {roles: [a, b], at_most: two}", "at_most must be 1 or more"),
            ("roles: {a: {}}\x00", "no YAML"),
            ("x" * (2 << 20), "longer than"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line_and_nothing_is_changed(
        self, refused, run, make_role, write, text, said
    ):
        make_role("kept", "docs:read")
        before, events = run("export_roles").out, Event.objects.count()
        message = refused("import_roles", write(text))
        assert said in message
        assert run("export_roles").out == before
        assert Event.objects.count() == events

    def test_an_alias_bomb_is_refused_at_once(self, refused, write):
        lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [
            f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)
        ]
        assert "an alias" in refused("import_roles", write("\n".join(lines)))

    def test_a_conflict_of_duties_undoes_the_whole_file(self, refused, run, make_role, make_user, write, operator):
        make_role("pay", "docs:read")
        make_role("approve", "docs:read")
        ann = make_user("ann", role="pay")
        service.grant(user=ann, role="approve", by=operator)
        text = "roles: {new: {scopes: ['docs:read']}}\nseparations: {money: {roles: [pay, approve]}}"
        assert "ann would hold" in refused("import_roles", write(text))
        assert not Role.objects.filter(name="new").exists()

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
    def test_an_unreadable_file_is_told(self, refused, tmp_path, content):
        file = tmp_path / "roles.yaml"
        if content:
            file.write_bytes(content)
        assert ("not UTF-8" if content else "No such file") in refused("import_roles", file)
