"""The audit log's row."""

from __future__ import annotations

import secrets as random

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..core import secrets


def new_id() -> str:
    """A random name for the row that no counter gives away."""
    return secrets.base62(random.randbits(130), 22)


def new_salt() -> str:
    """128 random bits in hex."""
    return random.token_hex(16)


class Event(models.Model):
    """Who did what, on what, from where, and how it ended. Written by `events.record` only; never changed.

    Names are copied, not linked: the line must stay true when the user or the key is gone. It never holds a secret.
    """

    class Outcome(models.TextChoices):
        SUCCESS = "success", _("success")
        DENIED = "denied", _("denied")
        FAILED = "failed", _("failed")

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    action = models.CharField(_("action"), max_length=40, db_index=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    actor_kind = models.CharField(_("actor's kind"), max_length=20, blank=True)
    actor_id = models.CharField(_("actor's id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=150, blank=True)
    credential_kind = models.CharField(_("credential's kind"), max_length=20, blank=True)
    credential_id = models.CharField(_("credential's id"), max_length=64, blank=True)
    credential_label = models.CharField(_("credential"), max_length=150, blank=True)
    target_kind = models.CharField(_("target's kind"), max_length=40, blank=True)
    target_id = models.CharField(_("target's id"), max_length=64, blank=True)
    target_label = models.CharField(_("target"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    method = models.CharField(_("method"), max_length=10, blank=True)
    path = models.CharField(_("path"), max_length=255, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    count = models.PositiveIntegerField(_("count"), default=1, help_text=_("How many alike came together."))
    details = models.JSONField(_("details"), default=dict, blank=True)

    uid = models.CharField(max_length=22, default=new_id, editable=False)
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    """Makes the commitment to the personal part unguessable; gone when that part was erased."""
    commitment = models.CharField(max_length=64, blank=True, editable=False)
    """SHA-256 of the salted personal part: what the chain holds of it."""
    mac = models.CharField(max_length=64, blank=True, editable=False)
    """Keyed digest of the whole row as it was written: it vouches for the row until it is sealed."""
    seq = models.BigIntegerField(_("sealed as"), null=True, blank=True, editable=False)
    """Its place in the chain."""
    link = models.CharField(max_length=64, blank=True, editable=False)
    """SHA-256 over the link before, `seq` and the row's content."""
    erased = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["target_kind", "target_id"], name="apiaccess_event_target"),
            models.Index(fields=["credential_kind", "credential_id"], name="apiaccess_event_credential"),
            models.Index(fields=["id"], condition=Q(seq=None), name="apiaccess_event_unsealed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["seq"], name="apiaccess_event_seq"),
            models.UniqueConstraint(fields=["uid"], name="apiaccess_event_uid"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome} {self.target_label}".strip()


class SealedTo(models.Model):
    """The end of the chain: the place and link of the event that was sealed last. One row; who moves it is the one sealer."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    link = models.CharField(max_length=64, default="")

    class Meta:
        verbose_name = _("end of the chain")
        verbose_name_plural = _("end of the chain")
        default_permissions = ()

    def __str__(self) -> str:
        return f"sealed to {self.seq}"


class Checkpoint(models.Model):
    """A signed statement of how far the chain reached, and of the stretch that was pruned from it.

    `kind` "seal": the chain had `link` at `seq`. "prune": the events from `first_seq` to `seq` were deleted by their retention; the chain
    goes on from `link`.
    """

    class Kind(models.TextChoices):
        SEAL = "seal", _("sealed")
        PRUNE = "prune", _("pruned")

    kind = models.CharField(_("kind"), max_length=5, choices=Kind)
    first_seq = models.BigIntegerField(_("from"))
    seq = models.BigIntegerField(_("to"))
    link = models.CharField(_("link"), max_length=64)
    at = models.DateTimeField(_("at"), default=timezone.now)
    key_id = models.CharField(_("key"), max_length=16)
    signature = models.CharField(_("signature"), max_length=88)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ("-seq", "-pk")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["kind", "seq"], name="apiaccess_checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.first_seq}-{self.seq}"


class Delivered(models.Model):
    """How far a sink that asks for acknowledgement has taken the sealed events."""

    sink = models.CharField(primary_key=True, max_length=64)
    seq = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.sink} to {self.seq}"
