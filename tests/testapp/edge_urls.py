"""The suite's URLs, and those of `edge_views`."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from tests import urls

from . import edge_views as views

router = SimpleRouter()
router.register("actions", views.DecoratedActions, basename="actions")
router.register("model-permissions-alone", views.ModelPermissionsAlone, basename="model-permissions-alone")
router.register("object-permissions", views.ObjectPermissions, basename="object-permissions")
router.register("titled", views.TitledDocuments, basename="titled")
router.register("role-or-scope", views.RoleOrScope, basename="role-or-scope")
router.register("role-on-objects", views.RoleOnObjects, basename="role-on-objects")
router.register("written-parcels", views.WrittenParcels, basename="written-parcels")

urlpatterns = [
    *urls.urlpatterns,
    path("edge/", include(router.urls)),
    path("edge/on-instance/", views.DeclaredOnInstance.as_view(access="docs:read")),
    path("edge/by-method/", views.ByMethod.as_view()),
    path("edge/nothing/", views.Nothing.as_view()),
    path("edge/open-roles/", views.ReadOnlyForRoles.as_view()),
    path("edge/role-and-scope/", views.RoleAndScope.as_view()),
    path("edge/by-permission/", views.ByPermission.as_view()),
    path("edge/below/", views.below),
    path("edge/above/", views.above),
    path("edge/below-permissions/", views.below_permissions),
    path("edge/above-permissions/", views.above_permissions),
    path("edge/above-all/", views.above_all),
    path("edge/bare/", views.bare),
    path("edge/public/", views.public),
    path("edge/decorated-class/", views.DecoratedClass.as_view()),
    path("edge/decorated-handlers/", views.DecoratedHandlers.as_view()),
    path("edge/negated/", views.Negated.as_view()),
    path("edge/every-branch/", views.EveryBranch.as_view()),
    path("edge/one-branch/", views.OneBranch.as_view()),
    path("edge/computed-without/", views.ComputedWithout.as_view()),
    path("edge/computed-with/", views.ComputedWith.as_view()),
    path("edge/computed-by-method/", views.ComputedByMethod.as_view()),
    path("edge/count/", views.Count.as_view()),
    path("edge/plain-list/", views.PlainList.as_view()),
    path("edge/ours-then-word/", views.OursThenWord.as_view()),
    path("edge/ours-then-basic/", views.OursThenBasic.as_view()),
    path("edge/keys-only/", views.KeysOnly.as_view()),
    path("edge/sessions-only/", views.SessionsOnly.as_view()),
    path("edge/whoever/", views.Whoever.as_view()),
    path("edge/touch/", views.Touch.as_view()),
]
