"""The map says what live requests would be answered."""

from __future__ import annotations

from typing import Any

from rest_framework import permissions

from django_apiaccess import PUBLIC, HasScope
from django_apiaccess.audit.heat import HeatMap, heat_map
from django_apiaccess.audit.rules import named
from django_apiaccess.audit.run import run
from django_apiaccess.core.requirement import Requirement

from .planted.endpoints import export, view
from .project import Project


def the_map() -> HeatMap:
    found = heat_map(run(named(["endpoints"])))
    assert found is not None
    return found


def cells(found: HeatMap, method: str, path: str) -> dict[str, str]:
    row = next(row for row in found.rows if (row.method, row.path) == (method, path))
    return dict(zip(found.roles, row.cells, strict=True))


def test_each_role_opens_what_its_scopes_open(project: Project) -> None:
    found = the_map()
    assert cells(found, "GET", "/api/documents/") == {"reader": "held", "editor": "held"}
    assert cells(found, "POST", "/api/documents/") == {"reader": "closed", "editor": "held"}
    assert cells(found, "DELETE", "/api/documents/{pk}/") == {"reader": "closed", "editor": "factor"}
    assert cells(found, "GET", "/api/parcels/") == {"reader": "open", "editor": "open"}
    assert found.columns == (("reader", 0), ("editor", 1))


def test_the_map_agrees_with_live_requests(project: Project, make_user: Any, make_key: Any, client_of: Any) -> None:
    project.access(REQUIRE_TLS=False)
    project.settings(ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False)
    found = the_map()
    for role, scopes in (("reader", ["docs:read"]), ("editor", ["docs:read", "docs:write", "docs:delete"])):
        client = client_of(make_key(make_user(f"{role}1", role=role), *scopes))
        for method, body in (("get", None), ("post", {"title": "x"})):
            status = getattr(client, method)("/api/documents/", body, format="json").status_code
            told = cells(found, method.upper(), "/api/documents/")[role]
            assert (status < 400) is (told == "held"), (role, method, status)


def test_what_nothing_guards_stands_out(project: Project) -> None:
    project.urls(
        view(permission_classes=[permissions.AllowAny]), export, view(permission_classes=[permissions.IsAdminUser])
    )
    found = the_map()
    assert set(cells(found, "POST", "/api/weak0/").values()) == {"unguarded"}
    assert set(cells(found, "*", "/api/weak1/").values()) == {"unguarded"}
    assert set(cells(found, "GET", "/api/weak2/").values()) == {"other"}


def test_own_endpoints_come_last(project: Project) -> None:
    project.urls(view(access=PUBLIC))
    own = [row.own for row in the_map().rows]
    assert own == sorted(own)
    assert any(own)


def test_a_condition_of_the_projects_own_is_shown_as_its_own_and_stops_no_map(project: Project) -> None:
    class OwnsSomething(Requirement):
        def evaluate(self, access: Any) -> Any:
            assert access.principal.pk
            return access.rights.objects_with_scope(None, "docs:read")

        def __str__(self) -> str:
            return "OWNS_SOMETHING"

    project.urls(view(access=OwnsSomething() & HasScope("docs:read")))
    found = the_map()
    assert set(cells(found, "GET", "/api/weak0/").values()) == {"other"}
    assert cells(found, "GET", "/api/documents/")["reader"] == "held"
