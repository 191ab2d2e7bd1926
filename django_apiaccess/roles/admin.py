"""Roles, grants and separations of duty in the admin."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import Panel, Tool, admin_url
from ..adminkit.html import NOTHING, badge, codes, link, moment
from ..authn.admin import ServiceModelAdmin, actor_of
from . import service
from .admin_explain import explain_tools
from .admin_forms import GrantForm, RoleForm, SeparationForm
from .admin_panels import holders_panel, role_gives_panel, role_tree_panel, user_panels
from .admin_rights import Rights
from .models import Grant, Role, SeparationOfDuty


@admin.register(Role)
class RoleAdmin(ServiceModelAdmin):
    """Roles: what they give, from whom they inherit, who has them."""

    form = RoleForm
    list_display = ("name", "description", "inherits", "own_scopes", "granted")
    search_fields = ("name", "description")
    fieldsets = (
        (None, {"fields": ("name", "description", "parents")}),
        (gettext_lazy("What it gives"), {"fields": ("scopes", "permissions")}),
    )
    filter_horizontal = ("permissions", "parents")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        now = timezone.now()
        in_force = Count("grants", filter=Q(grants__ends_at=None) | Q(grants__ends_at__gt=now), distinct=True)
        rows: QuerySet[Role] = super().get_queryset(request)
        return rows.prefetch_related("parents", "scopes").annotate(grants_in_force=in_force)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return ((None, {"fields": ("name", "description", "inherits", "own_scopes")}),)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = [Tool(_("Grants of this role"), f"{admin_url(Grant, 'changelist')}?role__id__exact={obj.pk}", "list")]
        if self.allows(request, Grant, "add"):
            found.insert(0, Tool(_("Give it to somebody"), f"{admin_url(Grant, 'add')}?role={obj.pk}", "person_add"))
        return found if self.allows(request, Grant, "view") else []

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = [role_tree_panel(obj), role_gives_panel(obj)]
        if self.allows(request, Grant, "view"):
            found.append(holders_panel(obj))
        return found

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        service.delete_role(obj, by=actor_of(request))

    @admin.display(description=gettext_lazy("inherits from"))
    def inherits(self, obj: Any) -> Any:
        return (
            format_html_join(
                ", ", "{}", ((link(admin_url(role, "change", role.pk), role),) for role in obj.parents.all())
            )
            or NOTHING
        )

    @admin.display(description=gettext_lazy("own scopes"))
    def own_scopes(self, obj: Any) -> Any:
        return codes((scope.name for scope in obj.scopes.all()), most=4)

    @admin.display(description=gettext_lazy("grants"), ordering="grants_in_force")
    def granted(self, obj: Any) -> Any:
        return link(f"{admin_url(Grant, 'changelist')}?role__id__exact={obj.pk}", obj.grants_in_force)


class StateFilter(admin.SimpleListFilter):
    """In force, later or over."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", _("in force")), ("later", _("begins later")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        grants: Any = queryset
        if self.value() == "now":
            return cast("QuerySet[Any]", grants.active())
        if self.value() == "later":
            return queryset.filter(starts_at__gt=now)
        return grants.ended_before(now) if self.value() == "over" else queryset


@admin.register(Grant)
class GrantAdmin(ServiceModelAdmin):
    """Grants: given and taken back, never edited, so that each line of the audit log stays true."""

    form = GrantForm
    list_display = ("what", "to", "on", "state", "ends", "given_by", "reason")
    list_filter = (StateFilter, ("role", admin.RelatedOnlyFieldListFilter), ("group", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "group", "role", "scope", "content_type", "given_by")
    actions = ("take_back",)
    fieldsets = (
        (
            gettext_lazy("Who gets it"),
            {"fields": ("user", "group"), "description": gettext_lazy("Exactly one of them.")},
        ),
        (gettext_lazy("What"), {"fields": ("role", "scope"), "description": gettext_lazy("Exactly one of them.")}),
        (
            gettext_lazy("On what"),
            {
                "fields": ("content_type", "object_id"),
                "description": gettext_lazy("Leave both empty to give it on everything."),
            },
        ),
        (gettext_lazy("When and why"), {"fields": ("starts_at", "ends_at", "reason")}),
    )

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (
            f"user__{get_user_model().USERNAME_FIELD}",
            "group__name",
            "role__name",
            "scope__name",
            "reason",
            "object_id",
        )

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ["user"] if can_look_up_users(self.admin_site, request) else []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        return (
            (
                None,
                {"fields": ("what", "to", "on", "state", "starts_at", "ends_at", "reason", "given_by", "created_at")},
            ),
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        if obj.user_id is not None:
            found.append(Tool(_("Effective rights of %s") % obj.user, admin_url(Grant, "rights", obj.user_id), "badge"))
            found += explain_tools(request, "user", obj.user.get_username())
        if self.has_delete_permission(request, obj):
            found.append(Tool(_("Take it back"), admin_url(Grant, "delete", obj.pk), "undo"))
        return found

    def get_urls(self) -> list[Any]:
        rights = path(
            "rights/<path:user_id>/", self.admin_site.admin_view(self.rights_view), name="django_apiaccess_grant_rights"
        )
        return [rights, *super().get_urls()]

    def rights_view(self, request: HttpRequest, user_id: str) -> HttpResponse:
        """Everything that a user may do now, and why."""
        self.require(self.has_view_permission(request))
        model = get_user_model()
        try:
            user = model._default_manager.get(pk=model._meta.pk.to_python(user_id))
        except Exception as error:  # whatever a primary key makes of a wrong text
            raise Http404(_("There is no such user.")) from error
        title = _("Effective rights of %s") % user
        return self.page(
            request, "rights.html", title=title, panels=user_panels(Rights(user)), person=user,
            tools=explain_tools(request, "user", user.get_username()),
        )  # fmt: skip

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Taking a grant back, with a reason."""
        row = self.object_or_404(request, object_id)
        self.require(self.has_delete_permission(request, row))
        answer = self.ask_reason(
            request,
            obj=row,
            title=_("Take back"),
            lead=_("It ends at the next request:"),
            items=[row],
            button=_("Take it back"),
        )
        return answer if isinstance(answer, HttpResponse) else self._take_back(request, [row], answer)

    @admin.action(description=gettext_lazy("Take back the selected grants"), permissions=["delete"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Grant]) -> Any:
        rows = list(queryset)
        hidden = [("action", "take_back"), ("select_across", request.POST.get("select_across", "0"))]
        hidden += [
            (admin.helpers.ACTION_CHECKBOX_NAME, pk) for pk in request.POST.getlist(admin.helpers.ACTION_CHECKBOX_NAME)
        ]
        answer = self.ask_reason(
            request, title=_("Take back %d grants") % len(rows), lead=_("They end at the next request:"), items=rows[:100],
            button=_("Take them back"), hidden=hidden,
        )  # fmt: skip
        return answer if isinstance(answer, HttpResponse) else self._take_back(request, rows, answer)

    def _take_back(self, request: HttpRequest, rows: list[Grant], reason: str) -> HttpResponse:
        with transaction.atomic():
            self.log_deletions(request, Grant.objects.filter(pk__in=[row.pk for row in rows]))
            count = service.ungrant(rows, by=actor_of(request), reason=reason)
        messages.success(request, _("Grants taken back: %d.") % count)
        return HttpResponseRedirect(self.changelist_url())

    @admin.display(description=gettext_lazy("what"), ordering="role__name")
    def what(self, obj: Any) -> str:
        return str(obj.right)

    @admin.display(description=gettext_lazy("to"))
    def to(self, obj: Any) -> str:
        return str(obj.holder)

    @admin.display(description=gettext_lazy("on"))
    def on(self, obj: Any) -> str:
        return str(obj.target)

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Any) -> Any:
        now = timezone.now()
        if obj.ends_at is not None and obj.ends_at <= now:
            return badge(_("over"))
        if obj.starts_at is not None and obj.starts_at > now:
            return badge(_("begins later"), "warn")
        return badge(_("in force"), "good")

    @admin.display(description=gettext_lazy("until"), ordering="ends_at")
    def ends(self, obj: Any) -> Any:
        return moment(obj.ends_at, _("taken back"))


@admin.register(SeparationOfDuty)
class SeparationAdmin(ServiceModelAdmin):
    """Roles that exclude each other."""

    form = SeparationForm
    list_display = ("name", "exclusive_roles", "at_most", "reason")
    search_fields = ("name", "reason")
    fields = ("name", "roles", "at_most", "reason")
    filter_horizontal = ("roles",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SeparationOfDuty]:
        rows: QuerySet[SeparationOfDuty] = super().get_queryset(request)
        return rows.prefetch_related("roles")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj is not None else ()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        service.delete_separation(obj, by=actor_of(request))

    @admin.display(description=gettext_lazy("roles"))
    def exclusive_roles(self, obj: Any) -> Any:
        return codes(role.name for role in obj.roles.all())


def can_look_up_users(site: Any, request: HttpRequest) -> bool:
    """Whether the project's user admin can answer Django's autocomplete for this person."""
    model = get_user_model()
    users = site._registry.get(model)  # noqa: SLF001 - the public get_model_admin raises where there is none
    return users is not None and bool(users.get_search_fields(request)) and users.has_view_permission(request)
