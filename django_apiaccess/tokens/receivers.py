"""What follows from changes of users and sessions that do not pass through the service."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.utils import timezone

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..roles.kin import connect_kin
from ..roles.receivers import credential_changed
from . import marks
from .ending import tell_of
from .models import TokenSession

KEPT = "_apiaccess_sessions_of_same_password"


def before_user_saved(instance: Any, raw: bool, using: str, update_fields: Any, **_kwargs: Any) -> None:
    """Note the sessions that the old hash keeps alive, when only the hash is about to change."""
    instance.__dict__.pop(KEPT, None)
    fields = frozenset(update_fields or ())
    if raw or fields != {"password"}:
        return
    stored = (
        get_user_model()._base_manager.using(using).filter(pk=instance.pk).values_list("password", flat=True).first()
    )
    if stored is not None and marks.is_upgrade(instance, stored, fields):
        instance.__dict__[KEPT] = marks.marked_with(instance.pk, stored)


def after_user_saved(instance: Any, **_kwargs: Any) -> None:
    """They go on under the new hash. A crash before this ends them: that is the safe side."""
    kept = instance.__dict__.pop(KEPT, None)
    if kept:
        marks.mark_anew(kept, instance)


def session_saved(created: bool, **kwargs: Any) -> None:
    """A session was changed by hand. The service bumps the generation itself, and a new session is remembered nowhere."""
    if not created:
        session_changed(**kwargs)


def session_changed(instance: TokenSession, **_kwargs: Any) -> None:
    """Tell the workers that remember it."""
    credential_changed()
    tell_of([instance.sid])


def session_deleted(instance: TokenSession, **_kwargs: Any) -> None:
    """A session went with its user."""
    if instance.revoked_at is None and instance.expires_at > timezone.now():
        reason = "deleted with what it belongs to"
        changed(Action.SESSION_ENDED, instance, by=Actor.system(), reason=reason, sid=instance.sid)


def connect() -> None:
    """Called once, when the app is ready."""
    user = get_user_model()
    connect_kin(pre_save, before_user_saved, user, uid="django_apiaccess.password_about_to_change")
    connect_kin(post_save, after_user_saved, user, uid="django_apiaccess.password_changed")
    connect_kin(pre_delete, session_deleted, TokenSession, uid="django_apiaccess.session_deleted")
    connect_kin(post_save, session_saved, TokenSession, uid="django_apiaccess.session_saved")
    connect_kin(post_delete, session_changed, TokenSession, uid="django_apiaccess.credentials.session")
