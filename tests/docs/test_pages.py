"""Every page's snippets: Python that compiles, names that exist, commands with options that exist, settings that are accepted."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from django_apiaccess import conf

from .pages import DOCS, ROOT, Block, blocks, pages

PAGES = [page for page in pages() if page.parent.name != "decisions"]
PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]
CONSOLE = [block for page in PAGES for block in blocks(page) if block.language == "console"]
WRITTEN_ELSEWHERE = {"reference/performance.md"}
INSTALLED = {"django", "rest_framework", "django_apiaccess", "pytest"}
DJANGOS_COMMANDS = {"makemigrations", "migrate", "check", "shell", "runserver", "startapp", "createsuperuser"}


def test_there_is_something_to_test() -> None:
    assert len(PYTHON) > 20
    assert len(CONSOLE) > 10


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles_and_what_it_imports_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in INSTALLED:
            module = importlib.import_module(node.module)
            for alias in node.names:
                found = hasattr(module, alias.name) or find_spec(f"{node.module}.{alias.name}")
                assert found, f"{block}: {node.module} has no {alias.name}"


DOTTED = re.compile(r"(?<!b)\"(django_apiaccess\.[\w.]+)\"")


@pytest.mark.parametrize("block", [block for block in PYTHON if DOTTED.search(block.text)], ids=str)
def test_dotted_paths_in_settings_exist(block: Block) -> None:
    for path in DOTTED.findall(block.text):
        assert pkgutil.resolve_name(path)


def settings_of(block: Block) -> dict[str, Any]:
    """`API_ACCESS` of a block, with a stand-in for what is no literal."""
    found = re.search(r"^API_ACCESS = (\{.*?^\}|\{.*\})$", block.text, re.MULTILINE | re.DOTALL)
    if found is None:
        return {}
    text = re.sub(r"os\.environ\[(\"\w+\")\]", lambda name: repr(f"{name[1]} with some thirty characters"), found[1])
    return dict(ast.literal_eval(re.sub(r"\bderived\b", repr("d" * 32), text)))


@pytest.mark.parametrize("block", [block for block in PYTHON if "API_ACCESS = " in block.text], ids=str)
def test_settings_that_a_page_shows_are_accepted(block: Block) -> None:
    for name, value in settings_of(block).items():
        assert conf.SETTINGS[name].complaint(value) is None, f"{block}: {name}"


def management_commands() -> list[Any]:
    found = []
    for block in CONSOLE:
        for step in block.steps():
            words = re.search(r"python manage\.py (.*)", step.command)
            if words is not None:
                found.append(pytest.param(step.where, words[1], id=step.where))
    return found


def words_of(line: str) -> list[str]:
    """The words of a shell command, up to a pipe or whatever else ends it."""
    tokens = shlex.shlex(line, posix=True, punctuation_chars="|<>;)")
    tokens.whitespace_split = True
    return list(itertools.takewhile(lambda word: not set(word) <= set("|<>;)"), tokens))


@pytest.mark.parametrize(("where", "line"), management_commands())
def test_a_command_that_a_page_shows_exists_with_these_options(where: str, line: str) -> None:
    name, *arguments = words_of(line)
    if name in DJANGOS_COMMANDS:
        return
    assert get_commands()[name] == "django_apiaccess", where
    parser = load_command_class("django_apiaccess", name).create_parser("manage.py", name)
    parser.parse_args(arguments)


def test_every_page_can_be_reached_from_the_first() -> None:
    reached: set[Path] = set()
    queue = [DOCS / "index.md"]
    while queue:
        page = queue.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#]+\.md)", page.read_text())
            queue += [(page.parent / link).resolve() for link in links if "://" not in link]
    lost = {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS) and page not in reached}
    assert lost <= WRITTEN_ELSEWHERE


def test_every_page_has_its_line_in_the_navigation() -> None:
    listed = set(re.findall(r"- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    written = {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)}
    assert written - listed <= WRITTEN_ELSEWHERE
    assert listed - written == {"decisions/index.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_no_promise_and_no_placeholder_is_left(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"\b(TODO|FIXME|TBD|coming soon|[A-Z]+_[A-Z]+_HERE|IMPORT_COMMANDS|ROLES_YAML)\b", text)
