"""Signals of a model and of all that share its rows: proxies, multi-table children, and what it is itself a child of.

Django sends `post_save` with the class of the instance, and receivers hear one class. A receiver of every class would do, but then Django
loads all rows before it deletes any, of whatever model of the project.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import ModelSignal, class_prepared


def is_kin(candidate: type[Model], model: type[Model]) -> bool:
    """Whether saving or deleting one of `candidate` may change a row of `model`."""
    one, other = candidate._meta.concrete_model, model._meta.concrete_model
    return one is not None and other is not None and (issubclass(one, other) or issubclass(other, one))


def connect_kin(signal: ModelSignal, receiver: Callable[..., Any], model: type[Model], *, uid: str) -> None:
    """Connect the receiver to the model and its kin, also to classes that are only defined later."""

    def connect(sender: type[Model], **_kwargs: Any) -> None:
        if is_kin(sender, model):
            signal.connect(receiver, sender=sender, dispatch_uid=uid)

    for known in (model, *apps.get_models()):
        connect(known)
    class_prepared.connect(connect, weak=False, dispatch_uid=(uid, id(signal), "kin"))
