"""The steps in which DRF asks about access, and views and permission classes that take other ones.

Who replaces such a step decides alone: what is declared may never be asked. Who calls DRF's step on every way is asked at least that.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, Final

HOOKS: Final = ("dispatch", "initial", "check_permissions", "check_object_permissions", "permission_denied")
"""Methods of DRF's `APIView`, in the order in which a request meets them."""


OURS: Final = "django_apiaccess.permissions"
NESTS: Final = frozenset({"atomic"})
"""Context managers that let every exception pass; another one may swallow a refusal."""


def own_way(view: Any) -> str:
    """Which method of a view (an instance or a class) does not surely ask as DRF asks; empty: none."""
    cls = view if isinstance(view, type) else type(view)
    found = next(replaced(cls, HOOKS, "rest_framework"), None)
    return f"{found} replaces DRF's own" if found else ""


def own_answer(permission: Any, asks: str = "has_permission") -> str:
    """Which class that builds on `HasAccess` does not surely ask it; empty: it does, or nothing is replaced."""
    return next((f"{found} replaces HasAccess's" for found in replaced(type(permission), (asks,), OURS)), "")


def replaced(cls: type, names: tuple[str, ...], base: str) -> Iterator[str]:
    """`Class.method` of each of these methods that a class outside of the modules `base` replaces without surely calling it."""
    for name in names:
        for owner in cls.__mro__:
            if name not in vars(owner):
                continue
            function = inspect.unwrap(inspect.getattr_static(owner, name))
            if f"{getattr(function, '__module__', '')}.".startswith(f"{base}."):
                break
            if not _calls_on(function, name):
                yield f"{owner.__name__}.{name}"
                break


@functools.cache
def _calls_on(function: Any, name: str) -> bool:
    """Whether the code calls `super().<name>()` on every way, read from its source; one that cannot be read does not."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    node = tree.body[0] if tree.body else None
    return isinstance(node, ast.FunctionDef) and _block_calls(node.body, name)


def _block_calls(body: list[ast.stmt], name: str) -> bool:
    for statement in body:
        if _statement_calls(statement, name):
            return True
        if any(isinstance(part, ast.Return | ast.Break | ast.Yield | ast.YieldFrom) for part in ast.walk(statement)):
            return False
    return False


def _statement_calls(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Expr(value=value) | ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.Return(value=value):
            return value is not None and _evaluates(value, name)
        case ast.With(items=items, body=body):
            return all(_nests(item.context_expr) for item in items) and _block_calls(body, name)
        case ast.If(test=test, body=body, orelse=other):
            return _evaluates(test, name) or (_block_calls(body, name) and _block_calls(other, name))
        case ast.Try(handlers=[], body=body, finalbody=last):
            leaves = any(isinstance(part, ast.Return | ast.Break) for each in last for part in ast.walk(each))
            return not leaves and _block_calls(body, name)
    return False


def _nests(value: ast.expr) -> bool:
    function = value.func if isinstance(value, ast.Call) else value
    return (getattr(function, "attr", "") or getattr(function, "id", "")) in NESTS


def _evaluates(value: ast.expr, name: str) -> bool:
    """Whether the expression always makes the call, whatever its parts say."""
    first: list[ast.expr] = []
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=attr)) if attr == name:
            return True
        case ast.BoolOp(values=[one, *_]) | ast.IfExp(test=one) | ast.UnaryOp(operand=one) | ast.Compare(left=one):
            first = [one]
        case ast.Call(args=first):
            pass
    return any(_evaluates(one, name) for one in first)
