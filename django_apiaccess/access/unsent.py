"""A request of Django's that nobody sent, and a view that meets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection, transaction

from .context import Context

KNOWN: Final = ("rest_framework.", "django_apiaccess.")


@contextmanager
def savepoint(code: Any) -> Iterator[None]:
    """Within a transaction, one of its own: a statement of a project's code that fails ends no more than its answer (PostgreSQL).

    `code`: the function or class; DRF's and this app's own need none.
    """
    own = str(getattr(code, "__module__", "")).startswith(KNOWN)
    if connection.in_atomic_block and not own:
        with transaction.atomic():
            yield
    else:
        yield


def http_request(method: str, path: str, context: Context) -> WSGIRequest:
    """The request, of nobody. The path reaches Django as a server hands it on (PEP 3333): percent-decoded, each byte a character."""
    origin = context.origin
    environ = {
        "REQUEST_METHOD": method.upper(),
        "PATH_INFO": unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode("latin-1"),
        "REMOTE_ADDR": context.address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if context.secure else "80",
        "wsgi.url_scheme": "https" if context.secure else "http",
        "wsgi.input": BytesIO(),
    }
    request = WSGIRequest({**environ, "HTTP_ORIGIN": origin} if origin else environ)
    request.user = AnonymousUser()
    request.apiaccess_unsent = True  # type: ignore[attr-defined]  # so that `permissions` writes no event of a refusal
    return request


def meet(view: Any, http: WSGIRequest, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> None:
    """Put the request before a bound view of DRF's, as DRF's `dispatch` does, without anybody who signed in."""
    view.args, view.kwargs, view.headers = args, dict(kwargs or {}), {}
    view.request = view.initialize_request(http, *view.args, **view.kwargs)
    view.format_kwarg = view.kwargs.get("format")
    view.request.user, view.request.auth = AnonymousUser(), None
