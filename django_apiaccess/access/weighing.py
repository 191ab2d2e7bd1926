"""The permissions, throttles and the object of a simulated request, asked as DRF asks them, one answer each.

This module looks at the DRF edge from outside, as `inventory` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import AND, NOT, OR

from ..authn import responses
from ..core.decision import Decision
from ..core.reasons import Reason
from ..core.requirement import HasMFA, HasPermission, HasRole, HasScope, Requirement
from ..permissions import HasAccess, access_of, declared_by, guard_problem, judge, judge_object, requirements_asked
from ..throttling import AccessRateThrottle, rate_left
from .explanation import Part
from .unsent import savepoint


@dataclass(frozen=True, slots=True)
class Weighing:
    """A bound view and a request that somebody signed in to."""

    view: Any
    request: Any

    def guard(self) -> Part | None:
        """The refusal of a scoped credential on a view that `HasAccess` does not guard; None where it does."""
        problem = guard_problem(self.request)
        if not problem:
            return None
        detail = f"{problem}, so it refuses scoped credentials"
        status = responses.UNDECLARED.status
        return Part("guard", allowed=False, reason=Reason.UNDECLARED, detail=detail, status=status, step="guard")

    def judged(self) -> Iterator[Part]:
        """The answers of the view's permissions, one each; of its throttles; then of the object in the path; nothing after the first no."""
        try:
            with savepoint(self.view.get_permissions):
                permissions = self.view.get_permissions()
        except Exception as error:  # noqa: BLE001 - a project's own code: the request would end here too
            yield _failed("get_permissions", error)
            return
        for permission in permissions:
            part = self._weigh(permission)
            if not part.allowed and part.status is None:
                part = replace(part, status=self._denied())
            yield part
            if not part.allowed:
                return
        marked = declared_by(getattr(self.view, self.request.method.lower(), None))
        if marked is not None and not any(isinstance(permission, HasAccess) for permission in permissions):
            yield self._asked(marked)  # the handler asks by itself
        for part in self.rates():
            yield part
            if not part.allowed:
                return
        yield from self._object(permissions)

    def _asked(self, requirement: Requirement | None) -> Part:
        return self._part(judge(self.request, self.view, requirement), requirement)

    def _weigh(self, permission: Any, obj: Any = None) -> Part:
        """One permission as DRF asks it: `|` and `&` from left to right, an exception ends it."""
        if isinstance(permission, HasAccess):
            part = self._weigh_ours(permission, obj)
            asks = "has_permission" if obj is None else "has_object_permission"
            if getattr(type(permission), asks) is getattr(HasAccess, asks):
                return part
            own = self._weigh_foreign(permission, obj)
            is_ours = not part.allowed and not own.allowed and own.status == part.status
            return part if is_ours else own  # the same refusal, with its reason
        if isinstance(permission, AND | OR):
            return self._weigh_pair(permission, obj)
        if isinstance(permission, NOT):
            inner = self._weigh(permission.op1, obj)  # type: ignore[attr-defined]
            allowed = not inner.allowed and inner.status is None
            return Part("not", allowed=allowed, parts=(inner,), status=inner.status, step="permission_class")
        return self._weigh_foreign(permission, obj)

    def _weigh_foreign(self, permission: Any, obj: Any) -> Part:
        name = type(permission).__name__
        try:
            with savepoint(type(permission)):
                if obj is None:
                    allowed = bool(permission.has_permission(self.request, self.view))
                else:
                    allowed = bool(permission.has_object_permission(self.request, self.view, obj))
        except Exception as error:  # noqa: BLE001 - a project's own class: the request would end here too
            return _failed(name, error)
        detail = "" if allowed else "a permission class of the view"
        return Part(name, allowed=allowed, detail=detail, step="permission_class")

    def _denied(self) -> int:
        """The status of DRF's `permission_denied`."""
        return 403 if self.request.user.is_authenticated or not self.view.get_authenticators() else 401

    def _weigh_ours(self, permission: HasAccess, obj: Any) -> Part:
        requirement = permission.requirement_for(self.request, self.view)
        if obj is None:
            return self._asked(requirement)
        decision = judge_object(self.request, requirement, obj)
        if decision is None:
            return Part("HasAccess", allowed=True, step="requirement")
        return self._part(decision, requirement)

    def _weigh_pair(self, permission: Any, obj: Any) -> Part:
        name, stop = ("either", True) if isinstance(permission, OR) else ("both", False)
        parts: list[Part] = []
        for side in (permission.op1, permission.op2):
            if obj is not None and stop and not self._weigh(side).allowed:
                continue  # DRF's OR: a side counts for an object only where it let the request in
            parts.append(self._weigh(side, obj))
            if parts[-1].allowed is stop or parts[-1].status is not None:
                break
        last = parts[-1] if parts else Part(name, allowed=False)
        return Part(
            name,
            allowed=last.allowed,
            reason=last.reason,
            parts=tuple(parts),
            status=last.status,
            step="permission_class",
        )

    def _object(self, permissions: list[Any]) -> Iterator[Part]:
        """What the permissions say of the object that the path names, for views that look one up as DRF's generic views do."""
        view = self.view
        value = view.kwargs.get(getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", ""))
        if value is None or not hasattr(view, "get_object"):
            return
        try:
            with savepoint(view.get_queryset):
                obj = get_object_or_404(view.filter_queryset(view.get_queryset()), **{view.lookup_field: value})
        except Http404:
            obj = None
        except Exception:  # noqa: BLE001 - the project's own look-up needs more than this request has
            return
        looks_up = looks_objects_up(type(view), getattr(view, self.request.method.lower(), None))
        if obj is None:
            detail = "there is none within reach: the answer is 404" if looks_up else "there is none within reach"
            status = 404 if looks_up else None
            yield Part("object", allowed=True, detail=detail, decisive=False, status=status, step="object")
            return
        parts = tuple(self._weigh(permission, obj) for permission in permissions)
        refused = next((part for part in parts if not part.allowed), None)
        if refused is not None and refused.status is None:
            refused = replace(refused, status=self._denied())
        name = f"object {obj._meta.label}:{obj.pk}"
        if refused is None:
            yield Part(name, allowed=True, step="object")
        else:
            reason, status, detail = refused.reason, refused.status, ""
            if not looks_up:
                detail, status = "told only: the handler does not call get_object, which would ask", None
            yield Part(
                name,
                allowed=False,
                reason=reason,
                detail=detail,
                parts=parts,
                status=status,
                decisive=looks_up,
                step="object",
            )

    def rates(self) -> Iterator[Part]:
        """What the view's throttles say, as far as they can be asked without counting the request."""
        others, access = [], access_of(self.request)
        for throttle in self.view.get_throttles():
            if not isinstance(throttle, AccessRateThrottle):
                others.append(type(throttle).__name__)
                continue
            left = rate_left(access)
            if left is not None and access is not None:
                text = f"rate {access.rate}"
                if left.allowed:
                    yield Part(text, allowed=True, detail=f"{left.remaining + 1} left in this window", step="rate")
                else:
                    detail = f"used up: again in {left.reset:.0f} seconds"
                    yield Part(text, allowed=False, reason=Reason.RATE, detail=detail, status=429, step="rate")
        if others:
            yield Part(", ".join(others), allowed=True, detail="not asked: asking counts", decisive=False, step="rate")

    def _part(self, decision: Decision, requirement: Requirement | None) -> Part:
        """A decision as a part, with the status that its refusal has."""
        part = _of_decision(decision, requirement)
        if decision.allowed:
            return part
        if decision.reason is Reason.NO_CREDENTIAL:
            return replace(part, status=responses.NOT_AUTHENTICATED.status)
        answer = responses.UNDECLARED if requirement is None else responses.for_decision(decision, requirement)
        return replace(part, status=answer.status)


def _failed(name: str, error: Exception) -> Part:
    """What a project's code raises, as the refusal that it is: DRF makes an answer of some errors, Django 500 of the others."""
    if isinstance(error, APIException | PermissionDenied | Http404):
        status = getattr(error, "status_code", 404 if isinstance(error, Http404) else 403)
        return Part(name, allowed=False, detail=f"answers {status}", status=status, step="permission_class")
    return Part(name, allowed=False, detail=f"fails with {error!r}", status=500, step="permission_class")


def _of_decision(decision: Decision, requirement: Requirement | None) -> Part:
    inner = getattr(requirement, "parts", ())
    parts = tuple(_of_decision(*pair) for pair in zip(decision.parts, inner, strict=True)) if decision.parts else ()
    return Part(
        decision.text,
        decision.allowed,
        decision.reason,
        decision.detail,
        parts=parts,
        requirement=requirement,
        step=ASKED.get(type(requirement), "requirement"),
    )


ASKED: Final[dict[type, str]] = {HasScope: "scope", HasRole: "role", HasPermission: "permission", HasMFA: "mfa"}
"""The step of a single requirement."""


def looks_objects_up(cls: type, handler: Any) -> bool:
    """Whether a handler asks for the object in its path as DRF's own do, by `get_object`: read from its code, below decorators, and from
    that of the view's methods that it names.
    """
    queue, seen = [getattr(handler, "__func__", handler)], set[Any]()
    while queue:
        function = queue.pop()
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        if "get_object" in code.co_names:
            return True
        queue += [vars(base)[name] for name in code.co_names for base in cls.__mro__ if name in vars(base)]
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # a cell that is not filled yet
                queue.append(cell.cell_contents)
    return False


def requirements_of(view: Any, request: Any) -> list[Requirement | None]:
    """Everything that our own permissions and decorators ask of the request; None among them: undeclared."""
    asked = requirements_asked(view.get_permissions(), request, view)
    marked = declared_by(getattr(view, request.method.lower(), None))
    return list(dict.fromkeys([*asked, *([] if marked is None else [marked])]))
