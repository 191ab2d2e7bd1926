"""`keys/requests/`: keys that were asked for, for those who asked and those who decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ...authentication import AccessAuthentication
from ...authn.client import where_of
from ...core import scopes as core_scopes
from ...core.requirement import FIRST_PARTY, HasPermission
from ...events.source import Actor
from ...exceptions import InvalidChange
from ...permissions import HasAccess, access_of
from ...throttling import AccessRateThrottle
from ..issued import read_anew
from ..serializers import APIKeySerializer
from ..views import NO_STORE, PARSERS, KeyPages, refuse_change
from . import service
from .deciders import PERMISSION
from .models import KeyRequest
from .serializers import (
    ApprovalSerializer,
    KeyRequestSerializer,
    NoFieldsSerializer,
    RefusalOfRequestSerializer,
)


class KeyRequestViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[KeyRequest]):
    """Requests for keys that another person must approve.

    `GET` shows my own; `waiting/` shows those that wait for a decision, to who may decide. The key's text appears in the answer to `claim/`
    only, once, and only to the requester.
    """

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    parser_classes = PARSERS
    filter_backends = ()
    pagination_class = KeyPages
    serializer_class = KeyRequestSerializer
    access = {
        "read": FIRST_PARTY,
        "write": FIRST_PARTY,
        "waiting": FIRST_PARTY & HasPermission(PERMISSION),
        "approve": FIRST_PARTY & HasPermission(PERMISSION),
        "refuse": FIRST_PARTY & HasPermission(PERMISSION),
    }
    queryset = KeyRequest.objects.none()
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> Any:
        access = access_of(self.request)
        if access is None:
            return KeyRequest.objects.none()
        found = KeyRequest.objects.select_related("requester", "principal", "decided_by")
        if self.action in {"waiting", "approve", "refuse"}:
            return found.order_by("requested_at", "pk")
        mine = found.filter(requester=access.principal.pk)
        if not access.scoped:
            return mine
        opened = access.scopes | access.object_scopes
        ids = [row.pk for row in mine if core_scopes.registry.expand(row.scopes) <= opened]
        return mine.filter(pk__in=ids)

    @action(detail=False, methods=["get"])
    def waiting(self, request: Request) -> Response:
        """Those that nobody has decided on yet."""
        rows = self.paginate_queryset(self.get_queryset().waiting())
        return self.get_paginated_response(KeyRequestSerializer(rows, many=True).data)

    @action(detail=True, methods=["post"])
    def approve(self, request: Request, **_kwargs: Any) -> Response:
        """Let the requester have it."""
        given = self._given(ApprovalSerializer)
        return self._after(lambda row, by: service.approve(row, by=by, reason=given.get("reason", "")))

    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, **_kwargs: Any) -> Response:
        """Do not let the requester have it."""
        given = self._given(RefusalOfRequestSerializer)
        return self._after(lambda row, by: service.refuse(row, by=by, reason=given["reason"]))

    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **_kwargs: Any) -> Response:
        """Take my request back."""
        self._given(NoFieldsSerializer)
        return self._after(lambda row, by: service.withdraw(row, by=by))

    @action(detail=True, methods=["post"])
    def claim(self, request: Request, **_kwargs: Any) -> Response:
        """Take what was approved, once."""
        self._given(NoFieldsSerializer)
        row = self.get_object()
        try:
            issued = service.claim(row, by=self._actor())
        except InvalidChange as error:
            refuse_change(error)
        read_anew(issued.key)
        told = {"key": issued.text or None, "old_secret_valid_until": None}
        code = status.HTTP_200_OK if row.widens else status.HTTP_201_CREATED
        return Response({**APIKeySerializer(issued.key).data, **told}, status=code, headers=NO_STORE)

    def _given(self, serializer: type[Any]) -> dict[str, Any]:
        made = serializer(data=self.request.data)
        made.is_valid(raise_exception=True)
        return dict(made.validated_data)

    def _after(self, step: Callable[[KeyRequest, Actor], KeyRequest]) -> Response:
        row = self.get_object()
        try:
            step(row, self._actor())
        except InvalidChange as error:
            refuse_change(error)
        return Response(KeyRequestSerializer(row).data)

    def _actor(self) -> Actor:
        return Actor.of_access(access_of(self.request), where_of(self.request))
