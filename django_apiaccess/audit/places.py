"""Where things stand in the project's files: the path that a code-scanning screen knows, and the line.

Paths are relative to the working copy (the folder with `.git` above the project), else to `BASE_DIR`, else to where the process runs.
"""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from django.conf import ENVIRONMENT_VARIABLE, settings

from .finding import Subject

INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
OWN: Final = Path(__file__).resolve().parents[1]
DEPTH: Final = 6
"""How far `from .base import *` is followed."""


def root() -> Path:
    """The folder that paths are relative to."""
    return _root_of(str(getattr(settings, "BASE_DIR", None) or Path.cwd()))


@lru_cache(maxsize=8)
def _root_of(start: str) -> Path:
    folder = Path(start).resolve()
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def in_project(file: str) -> bool:
    """Whether a file is the project's own: below the root, and of no installed package, this one included."""
    if not file or file.startswith("<"):
        return False
    path = Path(file).resolve()
    return path.is_relative_to(root()) and not INSTALLED & set(path.parts) and not path.is_relative_to(OWN)


def relative(file: str) -> str:
    """The path from the root, with forward slashes; empty for a file elsewhere."""
    path = Path(file).resolve()
    return path.relative_to(root()).as_posix() if path.is_relative_to(root()) else ""


@lru_cache(maxsize=2048)
def tree_of(file: str) -> ast.Module | None:
    """The syntax tree of a source file; None where there is none to read."""
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


@lru_cache(maxsize=2048)
def definitions(file: str) -> dict[str, ast.AST]:
    """Classes and functions of a source file by their qualified name; of two with one name, the last."""
    found: dict[str, ast.AST] = {}

    def look(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{prefix}{child.name}"] = child
                inner = f"{prefix}{child.name}." + ("" if isinstance(child, ast.ClassDef) else "<locals>.")
                look(child, inner)
            else:
                look(child, prefix)

    tree = tree_of(file)
    if tree is not None:
        look(tree, "")
    return found


def setting(name: str, label: str = "") -> Subject:
    """A setting as a subject, at the line that gives it. An entry of a dict is written `API_ACCESS["PEPPERS"]`."""
    file, line = _assigned(name.partition("[")[0])
    return Subject("setting", name, label, path=relative(file) if file else "", line=line)


def settings_file() -> str:
    """The file of the settings module, relative to the root; empty when there is none below it."""
    file = _file_of(settings_module())
    return relative(file) if file else ""


def settings_module() -> str:
    """The name of the settings module; also while a test overrides some of them."""
    return str(getattr(settings, "SETTINGS_MODULE", None) or os.environ.get(ENVIRONMENT_VARIABLE) or "")


def _assigned(name: str) -> tuple[str, int]:
    file = _file_of(settings_module())
    if not file:
        return "", 0
    found = _line_of(file, settings_module(), name, 0)
    return found or (file, 1)


def _line_of(file: str, module: str, name: str, depth: int) -> tuple[str, int] | None:
    tree = tree_of(file)
    if tree is None or depth > DEPTH:
        return None
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt) and name in _targets(node)]
    if lines:
        return file, max(lines)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            inner = _absolute(node, module)
            below = _file_of(inner)
            found = _line_of(below, inner, name, depth + 1) if below else None
            if found:
                return found
    return None


def _targets(node: ast.stmt) -> set[str]:
    targets: list[Any] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    roots = (target.value if isinstance(target, ast.Subscript) else target for target in targets)
    return {target.id for target in roots if isinstance(target, ast.Name)}


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    package = module.rsplit(".", node.level)[0]
    return f"{package}.{node.module}" if node.module else package


def _file_of(module: str) -> str:
    loaded = sys.modules.get(module)
    if loaded is not None:
        return str(getattr(loaded, "__file__", "") or "")
    try:
        spec = find_spec(module) if module else None
    except (ImportError, ValueError):
        return ""
    return str(spec.origin) if spec is not None and spec.origin else ""
