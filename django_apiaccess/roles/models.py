"""Scopes, roles, grants, separation of duty, and the generations that tell processes of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .querysets import FromPrimary, GrantQuerySet


class Scope(models.Model):
    """A scope declared in code, mirrored here after migrate so that roles and grants can point at it.

    `resource:*` has a row too. The code is the authority: a row whose name is not declared opens nothing.
    """

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=255, blank=True)

    objects = FromPrimary()

    class Meta:
        verbose_name = _("scope")
        verbose_name_plural = _("scopes")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["name"], name="apiaccess_scope_name")]

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """A named set of scopes and Django permissions. A role inherits everything its parents give."""

    name = models.CharField(_("name"), max_length=100, help_text=_("A word that code and people use, as 'support'."))
    description = models.CharField(_("description"), max_length=255, blank=True)
    parents = models.ManyToManyField(
        "self",
        verbose_name=_("inherits from"),
        symmetrical=False,
        blank=True,
        related_name="children",
        help_text=_("This role gives everything that these roles give."),
    )
    scopes = models.ManyToManyField(Scope, verbose_name=_("scopes"), blank=True, related_name="roles")
    permissions = models.ManyToManyField(
        "auth.Permission",
        verbose_name=_("Django permissions"),
        blank=True,
        related_name="apiaccess_roles",
        help_text=_("Beside those that the scopes open."),
    )

    objects = FromPrimary()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["name"], name="apiaccess_role_name")]

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """Who gets which role or scope, on what, from when until when, given by whom and why."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="apiaccess_grants",
        help_text=_("A person or a service account."),
    )
    group = models.ForeignKey(
        "auth.Group",
        verbose_name=_("group"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="apiaccess_grants",
        help_text=_("Everybody in the group, now and later."),
    )
    role = models.ForeignKey(
        Role, verbose_name=_("role"), on_delete=models.CASCADE, null=True, blank=True, related_name="grants"
    )
    scope = models.ForeignKey(
        Scope, verbose_name=_("scope"), on_delete=models.CASCADE, null=True, blank=True, related_name="grants"
    )
    content_type = models.ForeignKey(
        "contenttypes.ContentType",
        verbose_name=_("kind of object"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: on everything."),
    )
    object_id = models.CharField(_("object"), max_length=64, blank=True, help_text=_("Primary key of the one object."))
    starts_at = models.DateTimeField(_("from"), null=True, blank=True, help_text=_("Empty: at once."))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until it is taken back."))
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("given by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("given at"), default=timezone.now, editable=False)

    objects = FromPrimary.from_queryset(GrantQuerySet)()

    if TYPE_CHECKING:
        user_id: Any
        group_id: int | None
        role_id: int | None
        scope_id: int | None
        content_type_id: int | None

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ("-created_at", "-pk")
        permissions = [("explain_access", "Can see why anybody's request is allowed or refused")]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, group__isnull=False) | Q(user__isnull=False, group=None),
                name="apiaccess_grant_one_holder",
                violation_error_message=_("Give it to a user or to a group: exactly one of them."),
            ),
            models.CheckConstraint(
                condition=Q(role=None, scope__isnull=False) | Q(role__isnull=False, scope=None),
                name="apiaccess_grant_one_right",
                violation_error_message=_("Give a role or a scope: exactly one of them."),
            ),
            models.CheckConstraint(
                condition=Q(content_type=None, object_id="") | (Q(content_type__isnull=False) & ~Q(object_id="")),
                name="apiaccess_grant_whole_object",
                violation_error_message=_("Name the kind of object and the object, or neither."),
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="apiaccess_grant_ends_after_start",
                violation_error_message=_("The end must come after the start."),
            ),
        ]
        indexes = [models.Index(fields=["content_type", "object_id"], name="apiaccess_grant_object")]

    def __str__(self) -> str:
        return f"{self.right} to {self.holder} on {self.target}"

    @property
    def holder(self) -> str:
        """Who has it, in words."""
        return str(self.user) if self.user_id is not None else f"group {self.group}"

    @property
    def right(self) -> str:
        """What is given, in words."""
        return f"role {self.role}" if self.role_id is not None else f"scope {self.scope}"

    @property
    def target(self) -> str:
        """On what, in words."""
        if self.content_type_id is None or self.content_type is None:
            return "everything"
        return f"{self.content_type.app_label}.{self.content_type.model}:{self.object_id}"


class SeparationOfDuty(models.Model):
    """Roles that exclude each other: nobody may hold more than `at_most` of them (static separation of duty, INCITS 359)."""

    name = models.CharField(_("name"), max_length=100)
    roles = models.ManyToManyField(Role, verbose_name=_("roles"), related_name="separations")
    at_most = models.PositiveSmallIntegerField(
        _("at most"), default=1, help_text=_("How many of these roles one may hold.")
    )
    reason = models.CharField(_("reason"), max_length=255, blank=True)

    objects = FromPrimary()

    class Meta:
        verbose_name = _("separation of duty")
        verbose_name_plural = _("separations of duty")
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["name"], name="apiaccess_separation_name"),
            models.CheckConstraint(condition=Q(at_most__gte=1), name="apiaccess_separation_at_least_one"),
        ]

    def __str__(self) -> str:
        return self.name


class Generation(models.Model):
    """A value that changes whenever something of its kind changed; processes compare it with what they hold.

    The value is random, not a counter: after a roll-back a counter would come round to the same number with other content.
    """

    POLICY = "policy"
    """Roles, their inheritance, scopes and permissions."""
    CREDENTIALS = "credentials"
    """Keys, grants, group membership and principals: what a process may have cached of a credential."""
    SIGNING_KEYS = "signing_keys"
    """The keys that sign access tokens."""

    SHARED_CACHE = "shared_cache"
    """Changes that the shared cache could not be told of (`shared`)."""

    name = models.CharField(primary_key=True, max_length=20)
    value = models.BigIntegerField()

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")

    def __str__(self) -> str:
        return f"{self.name} {self.value}"
