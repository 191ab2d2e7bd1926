"""DRF permissions: `HasAccess` asks what the view declares; `@require_access` declares it for a function or a handler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Never
from weakref import WeakKeyDictionary

from rest_framework.permissions import AND, OR, BasePermission, OperandHolder
from rest_framework.request import Request

from .access.declaration import MARK, SAFE_METHODS, requirement_of
from .access.objects import holds_somewhere
from .authn import responses
from .authn.client import where_of
from .core.access import Access
from .core.decision import Decision, denied
from .core.reasons import Reason
from .core.requirement import Requirement, decide, requirement_from
from .edge import raise_answer
from .events.record import refused
from .events.source import Actor
from .events.tags import Action
from .filters import narrows_objects
from .roles.rights import access_of_user

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasAccess(BasePermission):
    """Lets a request through when its `Access` satisfies what the view declares. What is not declared is refused."""

    requirement: ClassVar[Requirement | None] = None
    """Set by `@require_access` on function views; other views declare `access`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        requirement = self.requirement_for(request, view)
        access = access_of(request)
        if requirement is None:
            self._refuse_undeclared(request, view, access)
        if access is None:
            if requirement.public:
                return True
            raise_answer(responses.NOT_AUTHENTICATED)
        decision = decide(requirement, access)
        if decision.allowed or (holds_somewhere(requirement, access) and opens_single_objects(request, view)):
            return True
        return refuse(request, access, requirement, decision)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        access = access_of(request)
        requirement = self.requirement_for(request, view)
        if access is None or requirement is None:
            return requirement is not None and requirement.public
        if not (access.object_scopes or access.object_roles):
            return True  # has_permission decided it on everything
        decision = decide(requirement, access.on(obj))
        return decision.allowed or refuse(request, access, requirement, decision, obj)

    def requirement_for(self, request: Request, view: APIView) -> Requirement | None:
        """What the view asks for this request."""
        if self.requirement is not None:
            return self.requirement
        return requirement_of(view, request.method or "", getattr(view, "action", None))

    def _refuse_undeclared(self, request: Request, view: APIView, access: Access | None) -> Never:
        if access is None:
            raise_answer(responses.NOT_AUTHENTICATED)
        verdict = denied(
            "undeclared", Reason.UNDECLARED, f"{type(view).__name__} declares nothing for {request.method}"
        )
        _write(request, access, verdict)
        raise_answer(responses.UNDECLARED)


def access_of(request: Request) -> Access | None:
    """The request's `Access`; for a user whom another authenticator brought, all that the user holds; None: nobody."""
    auth = request.auth
    if isinstance(auth, Access):
        return auth
    user = request.user
    if user is None or not user.is_authenticated:
        return None
    known = request.__dict__
    if "apiaccess_other" not in known:
        known["apiaccess_other"] = access_of_user(user, kind="other")
    found: Access = known["apiaccess_other"]
    return found


def opens_single_objects(request: Request, view: Any) -> bool:
    """Whether the view may be entered by somebody who holds the right on single objects only.

    Only where `GrantedObjectsFilter` narrows what it works on: a list then shows those objects; a detail view is entered when its object
    is among them, which is asked here too, because not every handler calls `get_object`.
    """
    if not narrows_objects(view):
        return False
    lookup = getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", "pk")
    value = view.kwargs.get(lookup)
    if value is None:
        return request.method in SAFE_METHODS
    try:
        return bool(view.filter_queryset(view.get_queryset()).filter(**{view.lookup_field: value}).exists())
    except (TypeError, ValueError, LookupError):
        return False


def refuse(request: Request, access: Access, requirement: Requirement, decision: Decision, obj: Any = None) -> Never:
    """Write the event and raise the answer."""
    _write(request, access, decision, obj)
    raise_answer(responses.for_decision(decision, requirement))


def _write(request: Request, access: Access, decision: Decision, obj: Any = None) -> None:
    by = Actor.of_access(access, where_of(request))
    details: dict[str, Any] = {"requirement": decision.text}
    if decision.missing_scopes:
        details["missing"] = list(decision.missing_scopes)
    if obj is not None:
        details["object"] = f"{obj._meta.label}:{obj.pk}"
    refused(Action.ACCESS_DENIED, decision.reason or Reason.SCOPE_MISSING, by=by, detail=decision.detail, **details)


# -- guards


def is_guarded(view: Any) -> bool:
    """Whether `HasAccess` has a say in every request to `view`: alone, beside others, or in every branch of a composition."""
    from rest_framework.views import APIView  # not at import: DRF's views import the default permission classes

    cls: Any = view if isinstance(view, type) else type(view)
    overridden = cls.get_permissions is not APIView.get_permissions
    if overridden and not isinstance(view, type):
        return any(_guards(permission) for permission in view.get_permissions())
    classes = tuple(view.permission_classes)
    known = _guarded.get(cls)
    if known is None or known[0] != classes:
        known = _guarded[cls] = (classes, any(_guards(permission) for permission in classes))
    return known[1]


_guarded: WeakKeyDictionary[type, tuple[tuple[Any, ...], bool]] = WeakKeyDictionary()


def _guards(permission: Any) -> bool:
    # DRF holds a composition as OperandHolder in a class body, as AND or OR once instantiated
    if isinstance(permission, type):
        return issubclass(permission, HasAccess)
    if isinstance(permission, OperandHolder):
        return _combined(permission.operator_class, permission.op1_class, permission.op2_class)
    if isinstance(permission, AND | OR):
        parts: Any = permission
        return _combined(type(permission), parts.op1, parts.op2)
    return isinstance(permission, HasAccess)


def _combined(operator: Any, left: Any, right: Any) -> bool:
    if operator is AND:
        return _guards(left) or _guards(right)
    return operator is OR and _guards(left) and _guards(right)


# -- the decorator


def require_access(requirement: Requirement | str) -> Callable[[Any], Any]:
    """Declare what a function view, a viewset's action, a handler or a whole view class asks for.

    Under `@api_view` and under `@action`; above them too. It brings `HasAccess` along, and asks again when the function is
    called, so that another decorator which replaces the permission classes cannot open the view.
    """
    wanted = requirement_from(requirement)

    def decorate(target: Any) -> Any:
        if isinstance(target, type):
            target.access = wanted  # type: ignore[attr-defined]
            return target
        if hasattr(target, "cls"):  # what api_view and as_view return
            target.cls.access = wanted
            if not is_guarded(target.cls):
                target.cls.permission_classes = [HasAccess, *target.cls.permission_classes]
            return target

        @functools.wraps(target)
        def asked(*args: Any, **kwargs: Any) -> Any:
            request = next((arg for arg in args[:2] if isinstance(arg, Request)), None)
            if request is None:
                raise TypeError(
                    "@require_access works on DRF views: put it below @api_view, or on a handler of an APIView."
                )
            _ask(request, wanted)
            return target(*args, **kwargs)

        setattr(asked, MARK, wanted)
        asked.permission_classes = [type("HasAccess", (HasAccess,), {"requirement": wanted})]  # type: ignore[attr-defined]
        return asked

    return decorate


def _ask(request: Request, requirement: Requirement) -> None:
    access = access_of(request)
    if access is None:
        if requirement.public:
            return
        raise_answer(responses.NOT_AUTHENTICATED)
    decision = decide(requirement, access)
    if decision.allowed:
        return
    view = (request.parser_context or {}).get("view")
    if not (holds_somewhere(requirement, access) and view is not None and opens_single_objects(request, view)):
        refuse(request, access, requirement, decision)
