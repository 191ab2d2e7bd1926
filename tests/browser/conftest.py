"""A Chromium that the machine has; without one the tests are skipped, loudly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

QUIET = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Where it is: CHROMIUM, or a usual name on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests. Playwright runs an event loop in this thread, which Django would refuse to work beside."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TESTS: playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("NO BROWSER TESTS: no Chromium here; install one (apt-get install chromium) or set CHROMIUM to it")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with playwright.sync_playwright() as started:
            found = started.chromium.launch(executable_path=path, args=QUIET)
            yield found
            found.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture(params=[1280, 390], ids=["wide", "phone"])
def page(request: Any, browser: Any, live_server: Any, make_user: Any) -> Iterator[Any]:
    """A page of the admin, with a superuser logged in; an error in a script or a failed response fails the test."""
    make_user("root", is_staff=True, is_superuser=True)
    context = browser.new_context(viewport={"width": request.param, "height": 900}, color_scheme="dark")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
    tab.goto(f"{live_server.url}/admin/login/?next=/admin/")
    tab.fill("input[name=username]", "root")
    tab.fill("input[name=password]", "secret")
    tab.click("[type=submit]")
    tab.wait_for_url(f"{live_server.url}/admin/")
    yield tab
    context.close()
    assert not wrong, wrong
