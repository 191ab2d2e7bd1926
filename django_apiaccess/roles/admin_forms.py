"""Forms of roles, grants and separations of duty. Each rehearses its change, so that a refusal is a form error."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.widgets import ScopesField
from ..authn.admin import RehearsedModelForm, actor_of
from ..exceptions import InvalidChange
from . import service
from .models import Grant, Role, SeparationOfDuty


class RoleForm(RehearsedModelForm):
    """A role, saved by `service.save_role`. Its name is what code and files call it, so it is chosen once."""

    scopes = ScopesField(label=gettext_lazy("Scopes"), required=False)

    class Meta:
        model = Role
        fields = ("name", "description", "parents", "scopes", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "scopes" in self.fields:
            self.initial["scopes"] = frozenset(self.instance.scopes.values_list("name", flat=True))
        if "parents" in self.fields:
            self.fields["parents"].widget.verbose_name = _("parent roles")
            self.fields["parents"].queryset = Role.objects.exclude(pk=self.instance.pk)  # type: ignore[attr-defined]
        if "permissions" in self.fields:
            every = Permission.objects.select_related("content_type")
            self.fields["permissions"].queryset = every  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and (self.instance.pk or not Role.objects.filter(name=cleaned.get("name")).exists()):
            self.rehearse(self.write)
        return cleaned

    def write(self) -> Role:
        """Save for good."""
        data = self.cleaned_data
        permissions = data["permissions"].values_list("content_type__app_label", "codename")
        return service.save_role(
            name=self.instance.name if self.instance.pk else data["name"],
            description=data["description"],
            scopes=data["scopes"],
            parents=[parent.name for parent in data["parents"]],
            permissions=[f"{app_label}.{codename}" for app_label, codename in permissions],
            by=actor_of(self.request),
        )


class GrantForm(RehearsedModelForm):
    """A new grant, given by `service.grant`."""

    class Meta:
        model = Grant
        fields = ("user", "group", "role", "scope", "content_type", "object_id", "starts_at", "ends_at", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "content_type" not in self.fields:  # the form of a page that only shows
            return
        kinds = ContentType.objects.order_by("app_label", "model")
        known = [kind.pk for kind in kinds if kind.model_class() is not None]
        self.fields["content_type"].queryset = kinds.filter(pk__in=known)  # type: ignore[attr-defined]

    def validate_constraints(self) -> None:
        """The service says the same, at the field concerned."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self.target = self.find_target(cleaned.get("content_type"), cleaned.get("object_id", ""))
        if not self.errors:
            self.rehearse(self.write_new)
        return cleaned

    def find_target(self, kind: ContentType | None, object_id: str) -> Any:
        """The one object; None for everything. An object that is not there is an error of the form."""
        if kind is None and not object_id:
            return None
        if kind is None or not object_id:
            self.add_error(
                "object_id" if kind else "content_type", _("Name the kind of object and the object, or neither.")
            )
            return None
        try:
            return kind.get_object_for_this_type(pk=object_id)
        except (ObjectDoesNotExist, ValueError, TypeError, OverflowError, ValidationError):
            self.add_error("object_id", _("There is no %(kind)s with this primary key.") % {"kind": kind.name})
            return None

    def write_new(self) -> None:
        """Give it; refuse what was there before."""
        started = timezone.now()
        given = self.write()
        if given.created_at < started:
            raise InvalidChange(
                _("%(holder)s has exactly this already (grant %(pk)s).") % {"holder": given.holder, "pk": given.pk}
            )

    def write(self) -> Grant:
        """Give it for good."""
        data = self.cleaned_data
        return service.grant(
            by=actor_of(self.request),
            user=data["user"],
            group=data["group"],
            role=data["role"],
            scope=data["scope"],
            on=self.target,
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            reason=data["reason"],
        )


class SeparationForm(RehearsedModelForm):
    """Roles that exclude each other, saved by `service.save_separation`."""

    class Meta:
        model = SeparationOfDuty
        fields = ("name", "roles", "at_most", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and (
            self.instance.pk or not SeparationOfDuty.objects.filter(name=cleaned.get("name")).exists()
        ):
            self.rehearse(self.write)
        return cleaned

    def write(self) -> SeparationOfDuty:
        """Save for good."""
        data = self.cleaned_data
        return service.save_separation(
            name=self.instance.name if self.instance.pk else data["name"],
            roles=[role.name for role in data["roles"]],
            at_most=data["at_most"],
            reason=data["reason"],
            by=actor_of(self.request),
        )
