"""`keys/`: a person's or program's own API keys."""

from __future__ import annotations

from typing import Any, Final, Never

from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from ..authentication import AccessAuthentication
from ..authn.client import where_of
from ..authn.parsers import StrictFormParser, StrictJSONParser
from ..core.requirement import FIRST_PARTY
from ..events.source import Actor
from ..exceptions import Conflict, FourEyes, InvalidChange, NotHeld
from ..permissions import HasAccess, access_of
from ..throttling import AccessRateThrottle
from . import bounds, service
from .approvals import service as approvals
from .approvals.models import KeyRequest
from .approvals.serializers import JustifiedKeySerializer, KeyRequestSerializer
from .issued import read_anew
from .models import APIKey
from .serializers import APIKeySerializer, RevocationSerializer, RotationSerializer

NO_STORE = {"Cache-Control": "no-store"}


STATUS: dict[type[InvalidChange], int] = {
    NotHeld: status.HTTP_403_FORBIDDEN,
    FourEyes: status.HTTP_403_FORBIDDEN,
    Conflict: status.HTTP_409_CONFLICT,
}


class KeyPages(PageNumberPagination):
    """Pages of keys, also in projects that page nothing by default."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class KeyFormParser(StrictFormParser):
    """Forms with the lists of a key."""

    lists = frozenset({"scopes", "networks", "origins"})


PARSERS: Final = (StrictJSONParser, KeyFormParser, MultiPartParser)
"""Of bodies about keys, in every project; the last for the forms of DRF's browsable API."""


class ChangeRefused(APIException):
    """A change that is not possible, as an answer."""

    def __init__(self, error: InvalidChange) -> None:
        self.status_code = STATUS.get(type(error), status.HTTP_400_BAD_REQUEST)
        self.detail: Any = {"detail": error.message, "code": error.code}
        if error.field:
            self.detail["field"] = error.field
        if isinstance(error, NotHeld):
            self.detail["missing"] = list(error.missing)


def refuse_change(error: InvalidChange) -> Never:
    """Raise the answer to an impossible change."""
    raise ChangeRefused(error) from None


class APIKeyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[APIKey]):
    """My API keys. The text of a key appears in the answers to POST only, once.

    Any credential of the principal's own may manage their keys, within itself; a token that was given to a client may not, whose keys would
    outlive the consent. A scoped credential sees and touches only keys that can do no more
    than it can; a key that it makes is bound as it is, and ends with it.
    """

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    parser_classes = PARSERS
    filter_backends = ()
    pagination_class = KeyPages
    serializer_class = APIKeySerializer
    access = FIRST_PARTY
    queryset = APIKey.objects.none()
    lookup_value_regex = "[0-9]+"

    def get_queryset(self) -> Any:
        access = access_of(self.request)
        if access is None:
            return APIKey.objects.none()
        mine = (
            APIKey.objects.filter(principal=access.principal.pk)
            .select_related("principal")
            .order_by("-created_at", "-pk")
        )
        if not access.scoped:
            return mine
        return mine.filter(pk__in=[key.pk for key in bounds.reachable(mine, self._actor())])

    def create(self, request: Request) -> Response:
        serializer = JustifiedKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(serializer.validated_data)
        try:
            issued = approvals.issue(principal=self._person(), by=self._actor(), **_texts(data))
        except InvalidChange as error:
            refuse_change(error)
        return asked(issued) if isinstance(issued, KeyRequest) else self._issued(issued, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        key = self.get_object()
        serializer = JustifiedKeySerializer(key, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        try:
            fields = _texts(dict(serializer.validated_data))
            fields.pop("dpop_jkt", None)  # as it is: anything else was refused
            done = approvals.change(key, by=self._actor(), **fields)
        except InvalidChange as error:
            refuse_change(error)
        return asked(done) if isinstance(done, KeyRequest) else Response(APIKeySerializer(key).data)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        key = self.get_object()
        serializer = RevocationSerializer(data=request.data or request.query_params)
        serializer.is_valid(raise_exception=True)
        reason = serializer.validated_data.get("reason") or "revoked by its owner"
        service.revoke(key, reason=reason, by=self._actor())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, **_kwargs: Any) -> Response:
        key = self.get_object()
        serializer = RotationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            issued = service.rotate(key, by=self._actor(), grace=serializer.validated_data.get("grace"))
        except InvalidChange as error:
            refuse_change(error)
        return self._issued(issued, status.HTTP_200_OK)

    def _issued(self, issued: service.Issued, code: int) -> Response:
        read_anew(issued.key)
        until = issued.old_secret_valid_until
        told = {"key": issued.text, "old_secret_valid_until": None if until is None else until.isoformat()}
        data = {**APIKeySerializer(issued.key).data, **told}
        return Response(data, status=code, headers=NO_STORE)

    def _actor(self) -> Actor:
        access = access_of(self.request)
        return Actor.of_access(access, where_of(self.request))

    def _person(self) -> Any:
        return self.request.user


def asked(request: KeyRequest) -> Response:
    """The answer where another person must approve: nothing was made or changed yet."""
    return Response(KeyRequestSerializer(request).data, status=status.HTTP_202_ACCEPTED)


def _texts(data: dict[str, Any]) -> dict[str, Any]:
    for name in ("networks", "origins"):
        if name in data:
            data[name] = " ".join(data[name])
    return data
