"""Ending somebody's Django sessions, where the project's session engine lets them be found."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.db import router, transaction
from django.utils import timezone

from ..conf import access_settings

BATCH = 500


def end_django_sessions(user: Any) -> int | None:
    """Delete every living Django session of the user. Returns how many; None when the engine cannot list sessions.

    Sessions in the database are signed texts without a column for their user: each is read. Those that are only in a cache, in files or in
    signed cookies can be found by nobody but their browser; a new password ends them, since Django compares its hash at every request.
    """
    store = import_module(access_settings.session_engine).SessionStore
    if not hasattr(store, "get_model_class"):
        return None
    try:
        model: Any = store.get_model_class()
    except RuntimeError:  # the app of sessions is not installed: no table, so no sessions
        return 0
    wanted = user._meta.pk.value_to_string(user)
    living = model._default_manager.filter(expire_date__gt=timezone.now()).iterator()
    keys = [row.session_key for row in living if str(row.get_decoded().get(SESSION_KEY)) == wanted]
    using = router.db_for_write(model)
    for start in range(0, len(keys), BATCH):
        model._default_manager.using(using).filter(pk__in=keys[start : start + BATCH]).delete()
    if hasattr(store, "cache_key_prefix"):
        transaction.on_commit(partial(_forget, store, keys), robust=True)
    return len(keys)


def _forget(store: Any, keys: list[str]) -> None:
    """Out of the cache too, once the rows are gone for good: before, a request could bring them back."""
    for key in keys:
        store().delete(key)
