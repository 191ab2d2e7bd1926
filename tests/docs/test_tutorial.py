"""A newcomer follows the tutorial and the README's tour, and everything comes out as the pages say."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from .pages import DOCS, ROOT, Block, Step, blocks
from .terminal import SnippetError, Terminal, matches

pytestmark = [
    pytest.mark.slow,
    pytest.mark.servers,
    pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl"),
]


def test_a_newcomer_follows_the_tutorial(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        for block in blocks(DOCS / "tutorial.md"):
            terminal.follow(block)
        section = (DOCS / "tutorial.md").read_text().partition("in the admin\n")[2].partition("\n## ")[0]
        named = re.findall(r"\*\*(\w[^*]+)\*\*", section)
        assert len(named) > 4
        code, output = terminal.run(f"python -c '{LOOK_AT_THE_ADMIN}' {' '.join(map(shlex.quote, named))}")
        assert code == 0, output


LOOK_AT_THE_ADMIN = """
import os, re, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
client = Client(headers={"host": "127.0.0.1"})
client.force_login(User.objects.get(username="admin"))
links = re.findall("href=.(/admin/django_apiaccess/[a-z]+/).[^>]*>([^<]+)<", client.get("/admin/").text)
pages = {name.strip(): url for url, name in links}
for name in sys.argv[1:]:
    assert client.get(pages[name]).status_code == 200, name
assert client.get(pages["API keys"] + "1/change/").status_code == 200
"""
"""Every page of the admin that the tutorial names in bold opens, and so does the page of the key."""


BEFORE_THE_TOUR = """
$ django-admin startproject config .
$ python manage.py startapp shop
$ printf 'from django.db import models\\n\\n\\nclass Order(models.Model):\\n    item = models.CharField(max_length=20)\\n' > shop/models.py
$ printf '\\nINSTALLED_APPS += ["shop"]\\n' >> config/settings.py
$ python manage.py makemigrations shop
$ python manage.py migrate --verbosity 0
$ DJANGO_SUPERUSER_PASSWORD=correct-horse python manage.py createsuperuser --noinput --username mara --email mara@shop.example
"""


def test_somebody_with_a_project_takes_the_tour_of_the_readme(tmp_path: Path) -> None:
    """Their project has a model and a user already; the README shows what is to be added."""
    with Terminal(tmp_path) as terminal:
        terminal.follow(Block("console", BEFORE_THE_TOUR.lstrip(), "before the tour", 0))
        (tmp_path / "shop/__init__.py").touch()
        for block in blocks(ROOT / "README.md"):
            terminal.follow(block)


class TestTerminal:
    """The reader of pages notices what is wrong with a page."""

    @pytest.fixture
    def terminal(self, tmp_path: Path):
        with Terminal(tmp_path) as terminal:
            yield terminal

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("console", "$ false\n"),
            ("console", "$ echo one\ntwo\n"),
            ("console", "$ echo one\none\ntwo\n"),
            ("console", "$ echo Error\nError\n"),
            ("console", "$ python -c 'raise SystemExit(3)'\n"),
            ("console", "$ echo ak_...\n"),
            ("python", "print('which file is this?')\n"),
            ("python", "# nowhere/at_all.py\nprint(1)\n"),
            ("python", "# missing.py, at the end\nprint(1)\n"),
            ("ini", "a = b\n"),
        ],
    )
    def test_a_snippet_that_fails_fails_the_page(self, terminal: Terminal, language: str, text: str) -> None:
        with pytest.raises(SnippetError):
            terminal.follow(Block(language, text, "page", 1))

    def test_the_shell_remembers_what_a_reader_typed(self, terminal: Terminal) -> None:
        typed = "$ mkdir inside\n$ cd inside\n$ NAME=Ann\n$ echo $NAME in $(basename $PWD)\nAnn in inside\n"
        terminal.follow(Block("console", typed, "page", 1))

    def test_the_key_that_was_printed_last_is_pasted(self, terminal: Terminal) -> None:
        key = f"ak_{'a' * 12}_{'b' * 49}"
        terminal.do(Step(f"echo new key: {key}", ["new key: ak_..."], "page:1"))
        assert terminal.run(f"echo {terminal.key}") == (0, f"{key}\n")

    def test_a_command_may_fail_where_the_page_shows_its_error(self, terminal: Terminal) -> None:
        terminal.do(Step("echo Error: no such thing; false", ["Error: no ... thing"], "page:1"))


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        (["a"], "a\n", True),
        (["a ... c"], "a b c\n", True),
        (["a...c"], "a\nc\n", False),
        (["a", "...", "c"], "a\nb\nb\nc\n", True),
        (["a", "..."], "a\n", True),
        (["..."], "", True),
        (["a"], "a\nb\n", False),
        (["1.5 (x)"], "1.5 (x)\n", True),
        (["1.5"], "105\n", False),
    ],
)
def test_three_dots_stand_for_anything(shown: list[str], output: str, same: bool) -> None:
    assert matches(shown, output) is same
