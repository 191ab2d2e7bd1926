"""A look at the code of a view, as far as a syntax tree tells: what it names, calls and is decorated with. Best effort, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

NEUTRAL: Final = frozenset(
    {
        "csrf_exempt", "csrf_protect", "ensure_csrf_cookie", "requires_csrf_token", "never_cache", "cache_page", "cache_control",
        "condition", "etag", "last_modified", "conditional_page", "gzip_page", "require_http_methods", "require_GET", "require_POST",
        "require_safe", "vary_on_cookie", "vary_on_headers", "xframe_options_deny", "xframe_options_sameorigin",
        "xframe_options_exempt", "sensitive_variables", "sensitive_post_parameters", "no_append_slash", "non_atomic_requests",
        "atomic", "staticmethod", "classmethod", "property", "cached_property", "method_decorator", "override", "wraps",
        "extend_schema", "extend_schema_view", "action", "api_view",
    }
)  # fmt: skip
"""Decorators of Django and others that let everybody through."""
GUARDS: Final = frozenset(
    {
        "auth", "authenticate", "authenticated", "authentication", "authorize", "authorized", "authorization", "permission",
        "permissions", "perm", "perms", "token", "tokens", "secret", "signature", "signatures", "signed", "hmac", "digest",
        "verify", "verified", "verification", "login", "credential", "credentials", "forbidden", "apikey", "superuser", "staff",
    }
)  # fmt: skip
"""A name in lower case with one of these words in it (`check_token`) says that the code may look after itself. `author` has none."""
CLASSES: Final = (
    "PermissionDenied",
    "Forbidden",
    "Unauthorized",
    "Signer",
    "Permission",
    "Mixin",
    "Required",
    "Authentication",
)
"""Ends of class names that say so. Else a class is what the view gives away: `Token.objects`, `User.objects`."""
WRITES: Final = frozenset(
    {
        "save", "delete", "create", "update", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "asave",
        "adelete", "acreate", "aupdate",
    }
)  # fmt: skip
ANSWERS: Final = frozenset(
    {"JsonResponse", "StreamingHttpResponse", "FileResponse", "serialize", "writer", "DictWriter", "dumps"}
)
ROWS: Final = frozenset({"objects", "get_object_or_404", "get_list_or_404", "_default_manager", "raw", "cursor"})


def identifiers(node: ast.AST) -> set[str]:
    """Every name, attribute and import in it."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.alias):
            found.add(part.name.rpartition(".")[2])
    return found


def looks_after_itself(node: ast.AST) -> bool:
    """Whether anything suggests that the code asks who is calling."""
    return _asks_the_user(node) or any(_guards(name) for name in identifiers(node))


def _asks_the_user(node: ast.AST) -> bool:
    """Whether it reads `request.user`, by whatever name the request is called there; `order.user` says nothing."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr in {"user", "auser"}:
            owner = part.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.startswith("req"):
                return True
    return False


def _guards(name: str) -> bool:
    if name[:1].isupper():
        return name.endswith(CLASSES)
    words = name.strip("_").split("_")
    return "csrf" not in words and (bool(GUARDS & set(words)) or "api_key" in name)


def decorators(node: ast.AST) -> Iterator[str]:
    """Names of all decorators in a definition, with those that `method_decorator` applies."""
    for part in ast.walk(node):
        for decorator in getattr(part, "decorator_list", ()):
            yield from _names(decorator)


def _names(decorator: Any) -> Iterator[str]:
    call = decorator if isinstance(decorator, ast.Call) else None
    name = _last(call.func if call else decorator)
    yield name
    if call and name == "method_decorator" and call.args:
        inner = call.args[0]
        for each in inner.elts if isinstance(inner, ast.List | ast.Tuple) else [inner]:
            yield from _names(each)


def _last(node: Any) -> str:
    return node.attr if isinstance(node, ast.Attribute) else str(getattr(node, "id", ""))


def calls(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of every call."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            yield _last(part.func), part.lineno


def attributes(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of every attribute that is read."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load):
            yield part.attr, part.lineno
