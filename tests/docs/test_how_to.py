"""What the how-to pages show works."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
import pytest
from rest_framework import permissions, viewsets
from rest_framework.decorators import action, api_view
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

import django_apiaccess
from django_apiaccess.access.cases import NEEDED, OPTIONAL, Cases
from django_apiaccess.access.declaration import declaration_of
from django_apiaccess.access.explanation import STEPS
from django_apiaccess.conf import access_settings
from django_apiaccess.exceptions import DutiesConflict
from django_apiaccess.permissions import HasAccess
from django_apiaccess.roles import service as roles
from tests.testapp.models import Document

from .pages import DOCS, Block, blocks, code, rows
from .terminal import Terminal

HOW_TO = DOCS / "how-to"
NAMES = {
    **{
        name: getattr(django_apiaccess, name)
        for name in django_apiaccess.__all__
        if name[0].isupper() or name == "require_access"
    },
    "APIView": APIView,
    "DjangoModelPermissions": permissions.DjangoModelPermissions,
    "HasAccess": HasAccess,
    "Order": Document,
    "Response": Response,
    "action": action,
    "api_view": api_view,
    "viewsets": viewsets,
}


def views_of(block: Block) -> dict[str, Any]:
    """What a block of views defines, with its own imports taken from here."""
    namespace: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), {**NAMES}, namespace)  # the pages are ours
    return namespace


def python(page: str) -> list[Block]:
    return [block for block in blocks(HOW_TO / page) if block.language == "python"]


@pytest.mark.parametrize("block", python("protect-a-view.md"), ids=str)
def test_views_can_be_declared_as_shown(block: Block) -> None:
    for view in views_of(block).values():
        if isinstance(view, type) and issubclass(view, APIView) and hasattr(view, "access"):
            assert declaration_of(view)


def test_the_function_view_asks_for_what_it_says(make_user: Any) -> None:
    views = {name: view for block in python("protect-a-view.md") for name, view in views_of(block).items()}
    for holder, sold in (("reports:read", 200), ("docs:read", 403)):
        request = APIRequestFactory().get("/")
        force_authenticate(request, make_user(f"holder of {holder}", holder))
        assert views["sales"](request).status_code == sold


def test_the_list_is_narrowed_as_shown(make_user: Any, make_key: Any, operator: Any) -> None:
    shown = next(block for block in python("object-access.md") if "def count" in block.text)
    count = views_of(Block("python", shown.text.replace("orders:read", "docs:read"), shown.page, shown.line))["count"]
    mine, _other = Document.objects.create(title="mine"), Document.objects.create(title="other")
    finn = make_user("finn")
    roles.grant(user=finn, scope="docs:read", on=mine, by=operator)
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Api-Key {make_key(finn, 'docs:read').text}")
    assert count(request).data == {"orders": 1}


def run(page: str, containing: str, **names: Any) -> dict[str, Any]:
    """Run the block of a page that contains a text; the value of an expression at its end is `_`."""
    block = next(block for block in python(page) if containing in block.text)
    tree = ast.parse(block.text)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1] = ast.Assign([ast.Name("_", ast.Store())], tree.body[-1].value)
    exec(compile(ast.fix_missing_locations(tree), str(block), "exec"), names)
    return names


def test_the_pepper_that_derived_from_the_secret_key_can_be_written_down(settings: Any) -> None:
    settings.API_ACCESS = {}
    environment = SimpleNamespace(environ={"API_PEPPER": "new"})
    found = run("rotate-peppers.md", "derived =", SECRET_KEY=settings.SECRET_KEY, os=environment)
    assert found["API_ACCESS"]["PEPPERS"] == ["new", *access_settings.PEPPERS]


def test_the_keys_that_hang_on_an_old_pepper_are_counted(
    settings: Any, make_user: Any, make_key: Any, client_of: Any
) -> None:
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    settings.API_ACCESS = {"PEPPERS": ["a new pepper of more than 32 characters", *access_settings.PEPPERS]}
    assert run("rotate-peppers.md", "fingerprint")["_"] == 1
    assert client.get("/read-only/").status_code == 200
    assert run("rotate-peppers.md", "fingerprint")["_"] == 0


def test_duties_are_kept_apart_with_the_error_that_is_shown(make_user: Any, make_role: Any, operator: Any) -> None:
    make_role("cashier")
    make_role("refund-approver")
    run("separation-of-duty.md", "save_separation")
    finn = make_user("finn", role="cashier")
    shown = next(block.text for block in blocks(HOW_TO / "separation-of-duty.md") if block.language == "text")
    with pytest.raises(DutiesConflict, match=f"^{re.escape(shown.strip())}$"):
        roles.grant(user=finn, role="refund-approver", by=operator)


def test_a_service_account_and_its_key_are_made_in_code_as_shown(make_user: Any) -> None:
    mara = make_user("mara", is_superuser=True)
    block = next(block for block in python("service-accounts.md") if "create_service_account" in block.text)
    granted = block.text.replace(
        "issued =", 'roles.grant(user=account.user, scope="docs:read", by=Actor.of_user(mara))\nissued ='
    )
    names: dict[str, Any] = {"mara": mara, "roles": roles}
    exec(granted.replace("orders:read", "docs:read"), names)
    assert names["issued"].text.startswith("ak_")


def test_the_events_of_a_key_are_found_as_shown(make_user: Any, make_key: Any, client_of: Any) -> None:
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    client_of(issued).get("/report/")
    shown = next(block.text for block in python("leaked-key.md") if "Event.objects" in block.text)
    found = run("leaked-key.md", "Event.objects")["_"]
    assert 'credential_id="12"' in shown
    assert [event.action for event in found.model.objects.filter(credential_id=str(issued.key.pk))] == ["access.denied"]


def test_a_replaced_secret_opens_the_api_but_rotates_nothing(make_user: Any, make_key: Any, client_of: Any) -> None:
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    client, url = client_of(issued), f"/access/keys/{issued.key.pk}/rotate/"
    assert client.post(url, {"grace": "24h"}).status_code == 200
    assert client.get("/read-only/").status_code == 200
    assert (client.post(url).status_code, client.post(url).json()["code"]) == (403, "not_held")


DO_SOMETHING = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core import mail
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
import shop.watch
by = Actor.command("test")
owner = User.objects.create_superuser("owner")
issued = keys.issue(principal=owner, name="printer", scopes=["orders:read"], by=by)
keys.revoke(issued.key, reason="It was lost", by=by)
print("mail:", [message.subject for message in mail.outbox])
"""


def described(terminal: Terminal) -> None:
    """Follow the page on OpenAPI in the same project."""
    for block in python("openapi.md"):
        terminal.write(block)
    code, output = terminal.run("python manage.py spectacular --fail-on-warn --format openapi-json")
    assert code == 0, output
    found = json.loads(output)["paths"]["/api/orders/"]["post"]
    assert found["x-required-access"]["scopes"] == ["orders:write"]
    assert len(found["security"]) == 3
    assert all(list(scheme.values()) == [["orders:write"]] for scheme in found["security"])


@pytest.mark.slow
def test_the_pages_on_testing_and_on_events_work_in_the_project_of_the_tutorial(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        assert terminal.run("django-admin startproject config . && python manage.py startapp shop")[0] == 0
        files = [block for block in blocks(DOCS / "tutorial.md") if block.language == "python"]
        for block in [*files, *python("testing.md"), *python("events.md")]:
            if block.file:
                terminal.write(block)
        admins = ["ops@shop.example"] if django.VERSION >= (6, 0) else [("Ops", "ops@shop.example")]
        more = f"\nADMINS = {admins}\nEMAIL_BACKEND = 'django.core.mail.backends.locmem.EmailBackend'\n"
        settings = tmp_path / "config/settings.py"
        settings.write_text(settings.read_text() + more)
        (tmp_path / "do_something.py").write_text(textwrap.dedent(DO_SOMETHING))
        code, output = terminal.run(
            "python manage.py makemigrations shop -v 0 && "
            "python -m pytest -q -p no:cacheprovider -p no:randomly --ds config.settings 2>&1"
        )
        assert code == 0, output
        assert "4 passed" in output, output
        code, output = terminal.run(
            "export DJANGO_SETTINGS_MODULE=config.settings; python manage.py migrate -v 0; python do_something.py"
        )
        assert code == 0, output
        described(terminal)
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        assert [(line["level"], line["action"]) for line in lines if line["action"] != "scopes.synced"] == [
            ("INFO", "key.created"),
            ("INFO", "key.revoked"),
        ]
        assert "mail: ['API key revoked: printer']" in output or "mail: ['[Django] API key revoked: printer']" in output


def test_the_access_tests_that_are_shown_are_such_a_file() -> None:
    shown = [block.text for block in blocks(HOW_TO / "access-tests.md") if block.language == "yaml"]
    assert [len(Cases(text).cases) for text in shown] == [3]


def test_the_page_of_access_tests_names_every_entry_and_every_step() -> None:
    described = {word for row in rows(HOW_TO / "access-tests.md") for word in code(row[0])}
    assert {*NEEDED, *OPTIONAL, *STEPS} <= described
