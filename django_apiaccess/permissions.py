"""DRF permissions: `HasAccess` asks what the view declares; `@require_access` declares it for a function or a handler."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Never
from weakref import WeakKeyDictionary

from django.core.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import AND, OR, BasePermission, OperandHolder
from rest_framework.request import Request

from .access.declaration import MARK, SAFE_METHODS, requirement_of
from .access.objects import holds_somewhere
from .authn import responses
from .authn.client import where_of
from .core.access import Access
from .core.decision import Decision, denied, granted
from .core.reasons import Reason
from .core.requirement import Requirement, decide, requirement_from
from .core.scope_use import note
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
        decision = judge(request, view, requirement)
        if not decision.allowed:
            refuse(request, access_of(request), requirement, decision)
        _note(request, requirement, decision)
        return True

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        requirement = self.requirement_for(request, view)
        decision = judge_object(request, requirement, obj)
        if decision is None:
            return True
        if not decision.allowed:
            refuse(request, access_of(request), requirement, decision, obj)
        _note(request, requirement, decision, obj)
        return True

    def requirement_for(self, request: Request, view: APIView) -> Requirement | None:
        """What the view asks for this request."""
        if self.requirement is not None:
            return self.requirement
        return requirement_of(view, request.method or "", getattr(view, "action", None))


def judge(request: Request, view: Any, requirement: Requirement | None) -> Decision:
    """The decision on a request to `view`, of which `requirement` (None: undeclared) is asked. Writes nothing, raises nothing."""
    access = access_of(request)
    if requirement is None:
        reason = Reason.NO_CREDENTIAL if access is None else Reason.UNDECLARED
        return denied("undeclared", reason, f"{type(view).__name__} declares nothing for {request.method}")
    if access is None:
        if requirement.public:
            return granted(str(requirement), anchored=True)
        return denied(str(requirement), Reason.NO_CREDENTIAL, "no credential was sent")
    decision = decide(requirement, access)
    if decision.allowed or not (holds_somewhere(requirement, access) and opens_single_objects(request, view)):
        return decision
    return replace(decision, allowed=True, reason=None, detail="held on single objects: it reaches those only")


def judge_object(request: Request, requirement: Requirement | None, obj: Any) -> Decision | None:
    """The decision on one object of a view that was entered; None: nothing is held on single objects, so entering decided it."""
    access = access_of(request)
    if requirement is None:
        return denied("undeclared", Reason.UNDECLARED, "nothing is declared")
    if access is None:
        return None if requirement.public else denied(str(requirement), Reason.NO_CREDENTIAL, "no credential was sent")
    if not (access.object_scopes or access.object_roles):
        return None
    return decide(requirement, access.on(obj))


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

    Only where `GrantedObjectsFilter` narrows what it works on: a list then shows those objects (other actions without an object, as a
    summary, rarely filter what they read); a detail view is entered when its object is among them, which is asked here too, because not
    every handler calls `get_object`.
    """
    if not narrows_objects(view):
        return False
    lookup = getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", "pk")
    value = view.kwargs.get(lookup)
    if value is None:
        return request.method in SAFE_METHODS and _is_list(view)
    try:
        return bool(view.filter_queryset(view.get_queryset()).filter(**{view.lookup_field: value}).exists())
    except (TypeError, ValueError, LookupError, ValidationError):
        return False


def _is_list(view: Any) -> bool:
    """Whether what runs is DRF's list, which filters what it shows (or the description of it, which shows nothing)."""
    action = getattr(view, "action", None)
    return isinstance(view, ListModelMixin) if action is None else action in {"list", "metadata"}


def refuse(
    request: Request, access: Access | None, requirement: Requirement | None, decision: Decision, obj: Any = None
) -> Never:
    """Raise the answer to a refused request; with an event where somebody is known."""
    if access is None:
        raise_answer(responses.NOT_AUTHENTICATED, request)
    if _is_tried(request):
        _write(request, access, decision, obj)
    answer = responses.UNDECLARED if requirement is None else responses.for_decision(decision, requirement)
    raise_answer(answer, request)


def _is_tried(request: Request) -> bool:
    """Whether somebody sent it: DRF also asks for another method's sake, to describe a view, and `access` for requests that nobody sent."""
    http = request._request
    return request.method == http.method and not getattr(http, "apiaccess_unsent", False)


def _note(request: Request, requirement: Requirement | None, decision: Decision, obj: Any = None) -> None:
    """Let it be recorded which scopes the yes rested on, where the credential is one that is watched."""
    access = request.auth
    if not isinstance(access, Access) or access.uses is None or requirement is None:
        return
    if _is_tried(request):
        note(requirement, access if obj is None else access.on(obj), decision)


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
    cls: Any = view if isinstance(view, type) else type(view)
    classes = tuple(view.permission_classes)
    known = _guarded.get(cls)
    if known is not None and known[0] == classes:
        return known[1]
    from rest_framework.views import APIView  # not at import: DRF's views import the default permission classes

    if cls.get_permissions is not APIView.get_permissions and not isinstance(view, type):
        return any(guards(permission) for permission in view.get_permissions())
    guarded = any(guards(permission) for permission in classes)
    if cls.get_permissions is APIView.get_permissions:
        _guarded[cls] = (classes, guarded)
    return guarded


def guard_problem(request: Request) -> str:
    """Why a scoped credential may not be used on the view of this request: nothing there knows scopes. Empty when `HasAccess` guards it."""
    view = (request.parser_context or {}).get("view")
    if view is None or is_guarded(view):
        return ""
    return f"HasAccess does not guard {type(view).__name__}"


_guarded: WeakKeyDictionary[type, tuple[tuple[Any, ...], bool]] = WeakKeyDictionary()


def guards(permission: Any) -> bool:
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
        return guards(left) or guards(right)
    return operator is OR and guards(left) and guards(right)


def requirements_asked(permissions: Iterable[Any], request: Any, view: Any) -> list[Requirement | None]:
    """What every `HasAccess` among `permissions` (classes or instances) asks of `request`; None: undeclared. Empty: there is none."""
    return [leaf.requirement_for(request, view) for permission in permissions for leaf in leaves(permission)]


def leaves(permission: Any) -> Iterator[HasAccess]:
    """The `HasAccess` permissions in a permission or a composition of them."""
    made: Any = permission() if isinstance(permission, type | OperandHolder) else permission
    if isinstance(made, HasAccess):
        yield made
    elif isinstance(made, AND | OR):
        sides: Any = made
        yield from leaves(sides.op1)
        yield from leaves(sides.op2)


def declared_by(handler: Any) -> Requirement | None:
    """The requirement that `@require_access` left on a handler, also below `@api_view`, which hides the function in a closure."""
    found = getattr(handler, MARK, None)
    cells = getattr(handler, "__closure__", None) or ()
    while found is None and cells:
        cell, *cells = cells
        with suppress(ValueError):  # a cell that is not filled yet
            found = getattr(cell.cell_contents, MARK, None)
    return found if isinstance(found, Requirement) else None


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
            _bring_guard(target)
            return target
        if hasattr(target, "cls"):  # what api_view and as_view return
            target.cls.access = wanted
            _bring_guard(target.cls)
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
        asked.permission_classes = [  # type: ignore[attr-defined]
            type("HasAccess", (HasAccess,), {"requirement": wanted}),
            *getattr(target, "permission_classes", ()),
        ]
        return asked

    return decorate


def _bring_guard(view: Any) -> None:
    """Put `HasAccess` before the permission classes of a view class that does not have it."""
    if hasattr(view, "get_permissions") and not is_guarded(view):  # a mixin has no permissions of its own
        view.permission_classes = [HasAccess, *view.permission_classes]


def _ask(request: Request, requirement: Requirement) -> None:
    decision = judge(request, (request.parser_context or {}).get("view"), requirement)
    if not decision.allowed:
        refuse(request, access_of(request), requirement, decision)
    _note(request, requirement, decision)
