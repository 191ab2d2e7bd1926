"""The one rule over HTTP, closed by default, and `@require_access` wherever it stands."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from django_apiaccess import require_access
from django_apiaccess.access.declaration import DeclarationError, requirement_of
from django_apiaccess.events.models import Event
from django_apiaccess.permissions import HasAccess, is_guarded
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant, Role
from tests.testapp import edge_views, views
from tests.testapp.models import Document

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.testapp.edge_urls")]


@pytest.fixture
def session_of():
    """`session_of(user)`: a signed-in browser."""

    def make(user):
        client = APIClient()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def key_client(make_key, client_of):
    """`key_client(user, "docs:read")`: a client with a key of the user."""
    return lambda user, *scopes: client_of(make_key(user, *scopes))


def code(response):
    return response.status_code, response.json().get("code")


# -- granted ∩ held now


def test_a_key_opens_what_it_was_granted_and_no_more(make_user, key_client):
    client = key_client(make_user("ann", "docs:write", "reports:read"), "docs:read")
    assert client.get("/read-only/").status_code == 200
    refused = client.get("/report/")
    assert code(refused) == (403, "insufficient_scope")
    assert refused.json() == {
        "detail": "This needs the scope reports:read.",
        "code": "insufficient_scope",
        "required": ["reports:read"],
        "missing": ["reports:read"],
    }
    assert 'error="insufficient_scope"' in refused["WWW-Authenticate"]
    assert 'scope="reports:read"' in refused["WWW-Authenticate"]


def test_a_grant_taken_back_narrows_the_key_on_the_next_request(make_user, key_client, operator):
    user = make_user("ann", "docs:read")
    client = key_client(user, "docs:read")
    assert client.get("/read-only/").status_code == 200
    roles.ungrant(Grant.objects.filter(user=user), by=operator)
    assert code(client.get("/read-only/")) == (403, "insufficient_scope")
    roles.grant(user=user, scope="docs:read", by=operator)
    assert client.get("/read-only/").status_code == 200


@pytest.mark.parametrize(
    "take",
    [
        lambda user, role: roles.ungrant(Grant.objects.filter(role=role), by=operator_at_the_shell()),
        lambda user, role: Grant.objects.filter(role=role).delete(),
        lambda user, role: roles.save_role(name="editor", scopes=["docs:read"], by=operator_at_the_shell()),
        lambda user, role: role.scopes.clear(),
        lambda user, role: roles.delete_role(role, by=operator_at_the_shell()),
        lambda user, role: role.delete(),
    ],
    ids=["ungrant", "raw delete of the grant", "narrowed role", "raw m2m", "deleted role", "raw delete of the role"],
)
def test_a_role_taken_away_narrows_the_key_on_the_next_request(make_user, make_role, key_client, take):
    role = make_role("editor", "docs:write")
    user = make_user("ann", role="editor")
    client = key_client(user, "docs:write")
    assert client.post("/documents/", {"title": "x"}).status_code == 201
    take(user, role)
    assert code(client.post("/documents/", {"title": "y"})) == (403, "insufficient_scope")


def operator_at_the_shell():
    from django_apiaccess.events.source import Actor

    return Actor.command("test")


def test_what_a_group_gives_goes_with_the_membership(make_user, key_client, operator):
    user, group = make_user("ann"), Group.objects.create(name="readers")
    roles.grant(group=group, scope="docs:read", by=operator)
    user.groups.add(group)
    client = key_client(user, "docs:read")
    assert client.get("/read-only/").status_code == 200
    user.groups.remove(group)
    assert code(client.get("/read-only/")) == (403, "insufficient_scope")
    group.user_set.add(user)
    assert client.get("/read-only/").status_code == 200
    group.delete()
    assert code(client.get("/read-only/")) == (403, "insufficient_scope")


def test_a_principal_that_is_not_active_any_more_is_nobody(make_user, key_client):
    user = make_user("ann", "docs:read")
    client = key_client(user, "docs:read")
    assert client.get("/read-only/").status_code == 200
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)
    assert code(client.get("/read-only/")) == (401, "invalid_credential")


def test_a_grant_counts_from_its_start_until_its_end(make_user, key_client, operator, freeze):
    user = make_user("ann")
    start, end = freeze.now + freeze.hours(1), freeze.now + freeze.hours(2)
    roles.grant(user=user, scope="docs:read", starts_at=start, ends_at=end, by=operator)
    roles.grant(user=user, scope="reports:read", by=operator)
    client = key_client(user, "reports:read")
    user.api_keys.update(scopes="docs:read reports:read")
    seen = []
    for offset in (-1, 0, 1, 3599, 3600, 3601):
        freeze.at(start + freeze.seconds(offset))
        seen.append(client.get("/read-only/").status_code)
    assert seen == [403, 200, 200, 200, 403, 403]
    assert client.get("/report/").status_code == 200


@pytest.fixture
def freeze(monkeypatch):
    """Moves the clock that decisions read."""
    from datetime import timedelta

    from django.utils import timezone

    class Clock:
        now = timezone.now()

        @staticmethod
        def hours(n):
            return timedelta(hours=n)

        @staticmethod
        def seconds(n):
            return timedelta(seconds=n)

        def at(self, moment):
            self.now = moment

    clock = Clock()
    monkeypatch.setattr("django_apiaccess.keys.credential.timezone.now", lambda: clock.now)
    return clock


def test_a_superuser_has_every_scope_but_a_narrow_key_of_theirs_has_one(make_user, key_client, session_of):
    boss = make_user("boss", is_superuser=True, is_staff=True)
    narrow = key_client(boss, "docs:read")
    assert narrow.get("/read-only/").status_code == 200
    assert code(narrow.get("/report/")) == (403, "insufficient_scope")
    assert code(narrow.get("/admin-only/")) == (403, "undeclared")
    assert session_of(boss).get("/report/").status_code == 200
    assert session_of(boss).get("/admin-only/").status_code == 200


def test_a_key_without_scopes_opens_nothing_that_asks_for_one(make_user, key_client):
    client = key_client(make_user("boss", is_superuser=True))
    assert code(client.get("/read-only/")) == (403, "insufficient_scope")
    assert client.get("/edge/whoever/").status_code == 200


def test_a_wildcard_key_covers_the_resource_as_far_as_its_holder_does(make_user, key_client):
    client = key_client(make_user("ann", "docs:*"), "docs:*")
    assert client.post("/documents/", {"title": "x"}).status_code == 201
    assert code(client.get("/report/")) == (403, "insufficient_scope")
    reader = make_user("bob", "docs:read", "docs:write", "docs:delete")
    client = key_client(reader, "docs:*")
    Grant.objects.filter(user=reader).exclude(scope__name="docs:read").delete()
    assert client.get("/read-only/").status_code == 200
    assert code(client.post("/documents/", {"title": "y"})) == (403, "insufficient_scope")


def test_a_scope_that_is_not_declared_any_more_opens_nothing(make_user, key_client):
    user = make_user("ann", "docs:read")
    client = key_client(user, "docs:read")
    user.api_keys.update(scopes="gone:read gone:* *")
    assert code(client.get("/read-only/")) == (403, "insufficient_scope")


def test_an_implied_scope_comes_with_the_one_that_implies_it(make_user, key_client):
    client = key_client(make_user("ann", "docs:write"), "docs:write")
    assert client.get("/read-only/").status_code == 200
    client = key_client(make_user("bob", "docs:read", "docs:write"), "docs:read")
    assert code(client.post("/documents/", {"title": "y"})) == (403, "insufficient_scope")


# -- roles


def test_a_role_alone_does_not_open_to_a_narrow_key_but_to_one_that_covers_it(
    make_user, make_role, key_client, session_of
):
    make_role("editor", "docs:write", "reports:read")
    user = make_user("ann", role="editor")
    refused = key_client(user, "docs:read").get("/role-only/")
    assert code(refused) == (403, "insufficient_scope")
    assert "a role alone does not open it" in refused.json()["detail"]
    assert code(key_client(user, "docs:write").get("/role-only/")) == (403, "insufficient_scope")
    assert key_client(user, "docs:write", "reports:read").get("/role-only/").status_code == 200
    assert session_of(user).get("/role-only/").status_code == 200
    assert code(session_of(make_user("bob")).get("/role-only/")) == (403, "role_missing")


def test_a_marker_role_that_gives_nothing_opens_to_no_key(make_user, make_role, key_client, session_of):
    make_role("editor")
    user = make_user("ann", "docs:read", role="editor")
    assert code(key_client(user, "docs:read").get("/role-only/")) == (403, "insufficient_scope")
    assert code(key_client(user).get("/role-only/")) == (403, "insufficient_scope")
    assert key_client(user, "docs:read").get("/edge/role-and-scope/").status_code == 200
    assert session_of(user).get("/role-only/").status_code == 200


def test_being_signed_in_is_no_anchor_for_a_role(make_user, make_role, key_client, session_of):
    make_role("editor", "docs:write")
    user = make_user("ann", role="editor")
    narrow = key_client(user, "docs:read")
    assert code(narrow.get("/edge/open-roles/")) == (403, "insufficient_scope")
    assert code(narrow.post("/edge/open-roles/")) == (403, "insufficient_scope")
    assert key_client(user, "docs:write").get("/edge/open-roles/").status_code == 200
    assert session_of(user).get("/edge/open-roles/").status_code == 200


def test_a_role_with_a_permission_that_no_scope_opens_is_covered_by_no_key(make_user, make_role, key_client):
    make_role("editor", "docs:write", permissions=["auth.view_user"])
    user = make_user("ann", role="editor")
    assert code(key_client(user, "docs:write").get("/role-only/")) == (403, "insufficient_scope")


def test_roles_are_held_by_inheritance(make_user, make_role, key_client):
    make_role("editor", "docs:write")
    make_role("chief", "docs:delete", parents=["editor"])
    make_role("owner", parents=["chief"])
    user = make_user("ann", role="owner")
    client = key_client(user, "docs:write", "docs:delete")
    assert client.get("/role-only/").status_code == 200
    Role.objects.get(name="chief").parents.clear()
    assert code(client.get("/role-only/")) == (403, "role_missing")


def test_a_permission_is_open_as_far_as_the_scopes_of_the_key_say(make_user, key_client, session_of):
    boss = make_user("boss", is_superuser=True)
    assert key_client(boss, "docs:write").get("/edge/by-permission/").status_code == 200
    assert code(key_client(boss, "docs:read").get("/edge/by-permission/")) == (403, "permission_missing")
    assert session_of(boss).get("/edge/by-permission/").status_code == 200


# -- closed by default


@pytest.mark.parametrize("path", ["/undeclared/", "/edge/nothing/", "/edge/bare/", "/edge/actions/forgotten/"])
def test_what_declares_nothing_refuses_everybody(make_user, key_client, session_of, path):
    boss = make_user("boss", is_superuser=True, is_staff=True)
    assert code(key_client(boss, "docs:*", "reports:read").get(path)) == (403, "undeclared")
    assert code(session_of(boss).get(path)) == (403, "undeclared")
    assert code(APIClient().get(path)) == (401, "not_authenticated")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_method_that_is_not_declared_is_closed(make_user, key_client, session_of, method):
    boss = make_user("boss", is_superuser=True)
    for client in (key_client(boss, "docs:*"), session_of(boss)):
        assert code(getattr(client, method)("/read-only/")) == (403, "undeclared")


def test_a_refused_undeclared_use_is_in_the_audit_log(make_user, key_client):
    key_client(make_user("boss", is_superuser=True), "docs:*").get("/undeclared/")
    event = Event.objects.get(action="access.denied")
    assert (event.reason, event.outcome, event.path, event.credential_label) == (
        "undeclared",
        "denied",
        "/undeclared/",
        "test",
    )


def test_methods_are_declared_in_either_case(make_user, key_client):
    reader = key_client(make_user("ann", "docs:read"), "docs:read")
    assert reader.get("/edge/by-method/").status_code == 200
    assert reader.head("/edge/by-method/").status_code == 200
    assert code(reader.post("/edge/by-method/")) == (403, "insufficient_scope")
    assert code(reader.options("/edge/by-method/")) == (403, "undeclared")


def test_access_may_be_given_to_as_view(make_user, key_client):
    user = make_user("ann", "docs:read", "reports:read")
    assert key_client(user, "docs:read").get("/edge/on-instance/").status_code == 200
    assert code(key_client(user, "reports:read").get("/edge/on-instance/")) == (403, "insufficient_scope")
    assert edge_views.DeclaredOnInstance.access is None


@pytest.mark.parametrize("path", ["/open/", "/edge/public/"])
def test_what_is_public_is_open_to_everybody(make_user, key_client, path):
    assert APIClient().get(path).status_code == 200
    assert key_client(make_user("ann")).get(path).status_code == 200


def test_a_bad_credential_is_refused_on_a_public_view_too(client_of):
    assert client_of("ak_wrong").get("/open/").status_code == 401


# -- the decorator


DECORATED = [
    "/edge/below/",
    "/edge/above/",
    "/edge/above-all/",
    "/edge/decorated-class/",
    "/edge/actions/",
    "/edge/actions/inner/",
    "/edge/actions/outer/",
]


@pytest.mark.parametrize("path", DECORATED)
def test_the_decorator_asks_wherever_it_stands(make_user, key_client, session_of, path):
    user = make_user("ann", "docs:read", "reports:read")
    assert key_client(user, "docs:read").get(path).status_code == 200
    assert code(key_client(user, "reports:read").get(path)) == (403, "insufficient_scope")
    assert session_of(user).get(path).status_code == 200
    assert code(session_of(make_user("bob")).get(path)) == (403, "insufficient_scope")
    assert code(APIClient().get(path)) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ["/edge/below-permissions/", "/edge/decorated-handlers/"])
def test_permission_classes_that_replace_the_guard_do_not_open_the_view(make_user, key_client, session_of, path):
    user = make_user("ann", "docs:read")
    assert code(key_client(user, "docs:read").get(path)) == (403, "undeclared")
    assert session_of(user).get(path).status_code == 200
    assert code(session_of(make_user("bob")).get(path)) == (403, "insufficient_scope")
    assert code(APIClient().get(path)) == (401, "not_authenticated")


def test_permission_classes_below_the_decorator_go_on_asking(make_user, key_client, session_of):
    user = make_user("ann", "docs:read")
    assert key_client(user, "docs:read").get("/edge/above-permissions/").status_code == 403
    assert session_of(user).get("/edge/above-permissions/").status_code == 403
    staff = make_user("cleo", "docs:read", is_staff=True)
    assert key_client(staff, "docs:read").get("/edge/above-permissions/").status_code == 200
    assert key_client(staff).get("/edge/above-permissions/").status_code == 403


def test_each_handler_has_its_own(make_user, session_of):
    client = session_of(make_user("ann", "docs:read"))
    assert client.get("/edge/decorated-handlers/").status_code == 200
    assert code(client.post("/edge/decorated-handlers/")) == (403, "insufficient_scope")
    assert code(client.post("/edge/actions/")) == (403, "undeclared")


def test_the_decorator_on_something_that_is_no_drf_view_says_where_it_belongs(rf):
    @require_access("docs:read")
    def plain(request):
        raise AssertionError("entered")

    with pytest.raises(TypeError, match="below @api_view"):
        plain(rf.get("/"))


@pytest.mark.parametrize("bad", [None, 3, ["docs:read"]])
def test_the_decorator_takes_a_requirement_only(bad):
    with pytest.raises(TypeError, match="not a requirement"):
        require_access(bad)


def test_the_decorator_keeps_name_and_documentation():
    assert edge_views.DecoratedActions.inner.__name__ == "inner"
    assert views.report.cls.__name__ == "report"


# -- guards


@pytest.mark.parametrize(
    "path",
    [
        "/admin-only/",
        "/anybody/",
        "/either/",
        "/edge/negated/",
        "/edge/one-branch/",
        "/edge/computed-without/",
        "/edge/model-permissions-alone/",
    ],
)
def test_a_view_that_our_guard_does_not_watch_refuses_scoped_credentials(make_user, key_client, session_of, path):
    boss = make_user("boss", is_superuser=True, is_staff=True)
    assert code(key_client(boss, "docs:*", "reports:read").get(path)) == (403, "undeclared")


@pytest.mark.parametrize("path", ["/both/", "/edge/every-branch/", "/edge/computed-with/", "/edge/computed-by-method/"])
def test_a_view_that_our_guard_watches_in_every_branch_takes_them(make_user, key_client, path):
    boss = make_user("boss", is_superuser=True, is_staff=True)
    assert key_client(boss, "docs:read").get(path).status_code == 200
    assert code(key_client(boss, "reports:read").get(path))[0] == 403


def test_permissions_computed_by_method_are_judged_by_method(make_user, key_client):
    boss = make_user("boss", is_superuser=True, is_staff=True)
    assert code(key_client(boss, "docs:read").post("/edge/computed-by-method/")) == (403, "undeclared")


def test_permissions_computed_from_the_user_are_judged_for_the_user_that_the_key_brings(make_user, make_key):
    class ByUser(APIView):
        access = "docs:read"

        def get_permissions(self):
            return [IsAdminUser()] if self.request.user.is_staff and self.request.auth.scoped else [HasAccess()]

        def get(self, request):
            return Response()

    def get(user):
        request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Api-Key {make_key(user, 'docs:read').text}")
        return ByUser.as_view()(request)

    assert get(make_user("ann", "docs:read")).status_code == 200
    refused = get(make_user("boss", is_staff=True, is_superuser=True))
    assert (refused.status_code, refused.data["code"]) == (403, "undeclared")


def test_changing_the_permission_classes_later_is_noticed():
    class View(views.Answer):
        permission_classes = (HasAccess,)

    assert is_guarded(View)
    View.permission_classes = ()
    assert not is_guarded(View)
    View.permission_classes = [HasAccess]
    assert is_guarded(View)
    View.permission_classes.clear()
    assert not is_guarded(View)


# -- what DRF asks on its own account


def test_describing_a_view_writes_no_refusals_that_nobody_tried(make_user, key_client):
    Document.objects.create(title="x")
    client = key_client(make_user("ann", "docs:read"), "docs:read")
    assert client.options("/documents/").status_code == 200
    assert client.get("/documents/", HTTP_ACCEPT="text/html").status_code == 200
    assert not Event.objects.filter(action="access.denied").exists()
    client.post("/documents/", {"title": "x"})
    assert Event.objects.filter(action="access.denied").count() == 1


def test_the_browsable_api_offers_no_form_for_what_is_closed(make_user, key_client):
    page = key_client(make_user("ann", "docs:read"), "docs:read").get("/documents/", HTTP_ACCEPT="text/html")
    assert b'method="POST"' not in page.content


def test_one_query_and_no_write_for_a_use(make_user, make_key, client_of, django_assert_num_queries):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    client.get("/read-only/")
    with django_assert_num_queries(1) as queries:
        assert client.get("/read-only/").status_code == 200
    assert queries[0]["sql"].startswith(("SELECT", "EXECUTE"))


# -- declarations that are none


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (["docs:read"], "not a requirement"),
        (3, "not a requirement"),
        ({"read": 3}, r"access\['read'\]"),
        ({"read": ["docs:read"]}, r"access\['read'\]"),
        ({3: "docs:read"}, "names of actions or methods"),
        ({None: "docs:read"}, "names of actions or methods"),
    ],
)
def test_a_declaration_of_the_wrong_form_is_an_error_that_says_how_to_write_it(access, told):
    with pytest.raises(DeclarationError, match=told):
        requirement_of(type("View", (), {"access": access}), "GET")


def test_an_action_wins_over_the_method_and_the_method_over_read_and_write():
    view = type(
        "View",
        (),
        {
            "access": {
                "read": "a:read",
                "write": "a:write",
                "post": "a:post",
                "publish": "a:publish",
                "OPTIONS": "a:options",
            }
        },
    )
    asked = {
        (method, action): str(requirement_of(view, method, action))
        for method, action in [
            ("GET", "list"),
            ("HEAD", None),
            ("OPTIONS", "metadata"),
            ("POST", "create"),
            ("POST", "publish"),
            ("PUT", "update"),
            ("TRACE", None),
        ]
    }
    assert list(asked.values()) == [
        f'HasScope("a:{word}")' for word in ("read", "read", "options", "post", "publish", "write", "write")
    ]


def test_a_declaration_of_one_requirement_is_for_all_methods():
    view = type("View", (), {"access": "a:read"})
    assert {str(requirement_of(view, method)) for method in ("GET", "POST", "DELETE", "OPTIONS")} == {
        'HasScope("a:read")'
    }


def test_a_declaration_that_changes_on_the_class_is_read_anew():
    view = type("View", (), {"access": "a:read"})
    assert str(requirement_of(view, "GET")) == 'HasScope("a:read")'
    view.access = "a:other"
    assert str(requirement_of(view, "GET")) == 'HasScope("a:other")'
