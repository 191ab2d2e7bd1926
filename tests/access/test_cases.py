"""`access_tests.yaml`: expectations about access, by command and under pytest."""

import json
import os
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from importlib import metadata
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_apiaccess.access.cases import Cases
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.roles import service as roles
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "django_apiaccess.pytest_plugin"


def line(**parts):
    whole = {"who": "anonymous", "method": "GET", "path": "/open/", "expected": "allowed", "because": "It is open."}
    return "- " + json.dumps({**whole, **parts})


def file_of(*lines, head=""):
    return "\n".join([*([head] if head else []), "tests:", *lines])


def asked(tmp_path, text, *args):
    path = tmp_path / "access_tests.yaml"
    path.write_text(text)
    out, code = StringIO(), 0
    try:
        call_command("test_access", str(path), *args, stdout=out, no_color=True)
    except SystemExit as end:
        code = end.code
    return code, out.getvalue()


def results(tmp_path, *lines, head=""):
    found = json.loads(asked(tmp_path, file_of(*lines, head=head), "--format", "json")[1])["results"]
    return [one["got"].partition(",")[0] if one["passed"] else f"FAILED {one['got']}" for one in found]


def test_every_kind_of_caller_can_be_asked_about(tmp_path, make_user, make_role, make_key, operator):
    make_role("reader", "docs:read")
    ann = make_user("ann", "docs:read")
    key = make_key(ann, "docs:read")
    from django_apiaccess.keys import accounts

    robot = accounts.create_service_account(name="robot", owner=ann, purpose="test", by=operator)
    roles.grant(user=robot.user, scope="docs:read", by=operator)
    read = {"path": "/documents/"}
    found = results(
        tmp_path,
        line(**read, expected="no_credential"),
        line(**read, who="user ann"),
        line(**read, who="user ann", scopes=["reports:read"], expected="scope_missing"),
        line(**read, who="role reader"),
        line(**read, who="role reader", method="post", expected="403"),
        line(**read, who="service account robot"),
        line(**read, who="service account robot", scopes=[], expected="scope_missing"),
        line(**read, who=f"key {key.key.pk}"),
        line(**read, who=f"key {key.text.split('_')[1]}", method="POST", expected="refused"),
    )
    assert [one for one in found if one.startswith("FAILED")] == []


def test_address_origin_tls_factor_and_date_are_those_that_the_test_says(tmp_path, make_user, make_key, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    ann = make_user("ann", "docs:write")
    key = make_key(ann, "docs:read", networks="203.0.113.0/24", origins="https://shop.example")
    document = Document.objects.create(title="plan")
    mine = {
        "who": f"key {key.key.pk}",
        "path": "/documents/",
        "origin": "https://shop.example",
        "address": "203.0.113.9",
    }
    publish = {"who": "user ann", "method": "POST", "path": "/documents/{pk}/publish/", "object": str(document.pk)}
    found = results(
        tmp_path,
        line(**mine),
        line(**{**mine, "address": "198.51.100.1"}, expected="network_not_allowed"),
        line(**{**mine, "origin": "https://other.example"}, expected="origin_not_allowed"),
        line(**mine, tls="no", expected="insecure_transport"),
        line(**mine, at="2099-01-01", expected="expired"),
        line(**publish, mfa="none", expected="mfa_missing"),
        line(**publish, mfa="aal2"),
        line(**publish, mfa="aal2", mfa_age="1h", expected="mfa_too_old"),
    )
    assert [one for one in found if one.startswith("FAILED")] == []


def test_a_role_on_one_object_opens_that_object_alone(tmp_path, make_role):
    make_role("reader", "docs:read")
    mine, other = (Document.objects.create(title=title) for title in ("mine", "other"))
    held = {"who": "role reader", "object": f"testapp.Document:{mine.pk}"}
    found = results(
        tmp_path,
        line(**held, path=f"/documents/{mine.pk}/"),
        line(**held, path="/documents/"),
        line(**held, path=f"/documents/{other.pk}/", expected="object_not_granted"),
        line(who="role reader", path="/documents/{pk}/", object="testapp.Document:999", expected="refused"),
    )
    assert [one for one in found if one.startswith("FAILED")] == []


def test_roles_may_come_from_a_file_and_then_no_role_is_asked_of_the_database(tmp_path):
    (tmp_path / "roles.yaml").write_text(
        "roles:\n  reader: {scopes: [docs:read]}\n  editor: {inherits: [reader], scopes: [docs:write]}\n"
    )
    tests = [
        line(who="role editor", path="/documents/"),
        line(who="role reader", path="/documents/", method="POST", expected="refused"),
    ]
    assert results(tmp_path, *tests, head="roles_file: roles.yaml") == ["allowed", "refused (scope_missing"]
    code, told = asked(tmp_path, file_of(line(who="role edtor", path="/open/"), head="roles_file: roles.yaml"))
    assert code == 1
    assert "Did you mean 'editor'?" in told


def test_nothing_is_written(tmp_path, make_user, make_role):
    make_role("reader", "docs:read")
    make_user("ann", "docs:read")
    tests = [line(who=who, path="/documents/") for who in ("role reader", "user ann")]
    with CaptureQueriesContext(connection) as asked_of_it:
        asked(tmp_path, file_of(*tests))
    assert not [one["sql"] for one in asked_of_it if not one["sql"].startswith("SELECT")]


def test_what_fails_says_expected_got_and_why(tmp_path, make_user):
    make_user("ann")
    code, told = asked(tmp_path, file_of(line(who="user ann", path="/documents/", because="She reads them."), line()))
    assert code == 1
    assert "FAILED line 2: user ann: GET /documents/" in told
    assert "expected: allowed, because: She reads them." in told
    assert "got:      refused (scope_missing, answer 403)" in told
    assert 'NO  HasScope("docs:read")  (not held: no grant gives it)' in told
    assert "1 test passed, 1 failed." in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(who="usr ann")], "line 2: who is 'usr ann'.*Did you mean 'user'"),
        ([line(methd="GET")], "line 2: a test has no entry 'methd'. Did you mean 'method'"),
        ([line(), line(method="GTE")], "line 3: method is 'GTE'.*Did you mean 'GET'"),
        ([line(expected="alowed")], "line 2: 'alowed' cannot be expected.*Did you mean 'allowed'"),
        ([line(expected="scope_mising")], "Did you mean 'scope_missing'"),
        ([line(path="open/")], "line 2: a path begins with a slash"),
        ([line(who="role reader", scopes=["docs:raed"])], "line 2:.*docs:read"),
        ([line(who="key 1", scopes=["docs:read"])], "line 2: key takes no scopes"),
        ([line(mfa="aal3")], "line 2: mfa is 'aal3'"),
        ([line(address="1.2.3")], "line 2: '1.2.3' is no address"),
        ([line(at="2030-02-30")], "line 2: at is '2030-02-30'"),
        ([line(mfa_age="soon")], "line 2: mfa_age"),
        ([line(who="role reader", object="17")], "line 2: the object of a role is written"),
        (["- {who: anonymous}"], "line 2: this test says nothing of method, path, expected, because"),
        ([line(), line()], "line 3: the same test stands in line 2"),
        ([line(), line(expected="refused")], "line 3: it contradicts line 2, which expects allowed"),
        ([line(path="/open"), line(method="get", expected="401")], "line 3: it contradicts line 2"),
        (["- &a {who: anonymous}", "- *a"], "line 3: an alias"),
        (["  who: x"], "tests must be a list"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line_and_the_nearest_word(lines, message):
    with pytest.raises(InvalidChange, match=message):
        Cases(file_of(*lines))


def test_every_complaint_is_told_at_once():
    with pytest.raises(InvalidChange) as refused:
        Cases(file_of(line(method="GTE"), line(expected="alowed")))
    assert str(refused.value).count("\n") == 1


@pytest.mark.parametrize("text", ["", "[]", "tests", "tests: 1", "\0", "a: b: c", "version: 2\ntests: []"])
def test_what_is_no_such_file_is_refused(text):
    with pytest.raises(InvalidChange, match=r"access_tests.yaml, line 1"):
        Cases(text)


def test_a_file_that_is_not_there_is_an_error_of_the_operator():
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("test_access", "/nowhere/access_tests.yaml")


def test_a_name_that_is_not_there_fails_its_own_test_only(tmp_path, make_user):
    make_user("ann")
    found = results(tmp_path, line(who="user an"), line(path="/opne/"), line())
    assert found[0].startswith("FAILED not answerable: Unknown user 'an'. Did you mean 'ann'?")
    assert found[1].startswith("FAILED not answerable: No view at '/opne/'.")
    assert found[2] == "allowed"


def test_coverage_names_the_endpoints_that_no_test_speaks_of(tmp_path):
    text = file_of(
        line(),
        line(path="/documents/{pk}/", expected="401"),
        line(path="/documents/7/publish/", method="POST", expected="401"),
    )
    code, told = asked(tmp_path, text, "--coverage")
    silent = told.partition("Endpoints of which no test speaks:")[2]
    assert code == 0
    assert "GET /documents/\n" in silent
    assert "POST /open/" in silent
    for spoken in ("GET /open/", "GET /documents/{pk}/", "POST /documents/{pk}/publish/", "/access/"):
        assert spoken not in silent
    assert asked(tmp_path, text, "--require-all")[0] == 1


def test_junit_is_xml_with_a_failure_for_each_that_fails(tmp_path, make_user):
    make_user("ann")
    _code, told = asked(
        tmp_path, file_of(line(who="user ann", path="/documents/", because='<&" \x01'), line()), "--format", "junit"
    )
    suite = ET.fromstring(told)[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "got:" in suite[0][0].text
    assert len(suite[1]) == 0


# -- the pytest plugin


def run_pytest(folder, *args, django=True):
    installed = any(point.value == PLUGIN for point in metadata.entry_points(group="pytest11"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *([] if installed else ["-p", PLUGIN]),
        *args,
    ]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    environment.pop("PYTEST_ADDOPTS", None)
    if django:
        environment["DJANGO_SETTINGS_MODULE"] = "sqlite_settings"
    return subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-migrations\n")
    (tmp_path / "sqlite_settings.py").write_text(
        "from tests.settings import *\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    )
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent("""
            import pytest

            @pytest.fixture
            def access_tests_setup(db):
                from django_apiaccess.events.source import Actor
                from django_apiaccess.roles import service
                service.save_role(name="reader", scopes=["docs:read"], by=Actor.command("test"))
        """)
    )
    return tmp_path


def test_under_pytest_each_expectation_is_a_test(project):
    reader = {"who": "role reader", "path": "/documents/"}
    tests = [
        line(**reader),
        line(**reader, method="POST", expected="scope_missing"),
        line(**reader, method="DELETE"),
        line(**reader, mfa="aal2", expected="refused"),
    ]
    (project / "access_tests.yaml").write_text(file_of(*tests))
    done = run_pytest(project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 2 passed" in done.stdout
    assert "expected: refused, because: It is open." in done.stdout
    assert "got:      allowed" in done.stdout
    assert "not answerable: '/documents/' takes" in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_a_wrong_file_is_an_error_of_collecting_with_its_line(project):
    (project / "access_tests.yaml").write_text(file_of(line(expected="alowed")))
    done = run_pytest(project)
    assert done.returncode == 2
    assert "access_tests.yaml, line 2: 'alowed' cannot be expected" in done.stdout


def test_without_django_the_plugin_imports_none_of_it_and_leaves_such_files_alone(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "access_tests.yaml").write_text("another: tool's file")
    (tmp_path / "test_one.py").write_text(
        "import sys\n\ndef test_one():\n    assert not {'rest_framework', 'yaml'} & set(sys.modules)\n"
        "    assert 'django_apiaccess.access' not in sys.modules\n    assert 'django.apps' not in sys.modules\n"
    )
    done = run_pytest(tmp_path, "-p", "no:django", django=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_entry_point_names_the_plugin():
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"apiaccess": PLUGIN}


# -- the example project

SHOP = """
import sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
call_command("seed_demo", stdout=open("/dev/null", "w"))
call_command("export_roles")
sys.stdout.write("---")
call_command("test_access", "--require-all", no_color=True)
"""


def test_the_example_project_keeps_its_own_access_tests_and_its_file_of_roles_is_what_it_has(tmp_path):
    (tmp_path / "shop_settings.py").write_text(
        "from config.settings import *\n"
        f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {str(tmp_path / 'shop.sqlite3')!r}}}}}\n"
        "MIGRATION_MODULES = {app.rpartition('.')[2]: None for app in [*INSTALLED_APPS, 'django_apiaccess_oauth']}\n"
    )
    shop = ROOT / "example_project"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}{os.pathsep}{shop}",
        "DJANGO_SETTINGS_MODULE": "shop_settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOP],
        check=False,
        cwd=shop,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    exported, _, tested = done.stdout.partition("---")
    assert exported.strip() == (shop / "roles.yaml").read_text().strip()
    assert "0 failed" in tested
