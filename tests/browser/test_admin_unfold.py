"""The admin's own tests, with django-unfold in its place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SUITES = [
    "tests/keys/test_admin.py",
    "tests/keys/test_admin_accounts.py",
    "tests/roles/test_admin.py",
    "tests/events/test_admin.py",
    "tests/access/test_admin.py",
    "tests/access/test_admin_tester.py",
    "tests/access/test_admin_dashboard.py",
    "tests/test_middleware.py",
    "tests/mfa/test_admin.py",
    "tests/contrib/oauth/test_admin_clients.py",
    "tests/keys/approvals/test_admin.py",
]


QUIET = ["-W", "ignore:Overriding get_action_choices"]
"""What django-unfold itself does otherwise than Django 6.1 would like."""


def run(*arguments):
    pytest.importorskip("unfold")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", *QUIET]
    return subprocess.run(
        [*command, "--ds=tests.browser.unfold_settings", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_every_page_behaves_the_same_under_unfold():
    done = run("-k", "not hostile and not not_there and not bad_input and not cannot_be", *SUITES)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.slow
@pytest.mark.browser
def test_the_browser_sees_the_same_under_unfold():
    # on a phone: what fits there fits
    done = run("-rs", "-k", "phone", "tests/browser/test_admin.py", "tests/browser/test_admin_oauth.py")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    if " passed" not in done.stdout:
        pytest.skip("NO BROWSER TESTS under unfold: " + done.stdout[-300:])
