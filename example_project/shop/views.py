"""The shop's API. Each view says in `access` what it asks of a credential."""

from django.db.models import Count, F, Sum
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response

from django_apiaccess import PUBLIC, HasMFA, HasRole, HasScope, require_access
from django_apiaccess.filters import GrantedObjectsFilter

from .models import Book, Order
from .serializers import BookSerializer, OrderSerializer, SalesSerializer


class BookViewSet(viewsets.ReadOnlyModelViewSet[Book]):
    """The books on the shelf, for everybody."""

    access = PUBLIC
    queryset = Book.objects.all()
    serializer_class = BookSerializer


class OrderViewSet(viewsets.ModelViewSet[Order]):
    """The orders that the caller's grants reach."""

    access = {
        "read": "orders:read",
        "write": "orders:write",
        "refund": HasScope("orders:refund") & HasRole("manager") & HasMFA(max_age=300),
    }
    queryset = Order.objects.select_related("book")
    serializer_class = OrderSerializer
    filter_backends = [GrantedObjectsFilter]

    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: str | None = None) -> Response:
        """Give the money back, once."""
        order = self.get_object()
        if not order.refund():
            body = {"detail": "This order is refunded already.", "code": "already_refunded"}
            return Response(body, status=status.HTTP_409_CONFLICT)
        return Response(self.get_serializer(order).data)


@extend_schema(responses=SalesSerializer)
@api_view(["GET"])
@require_access("reports:read")
def sales(request: Request) -> Response:
    """What was sold, all in all and by book."""
    sold = Order.objects.sold().with_total()
    report = sold.aggregate(orders=Count("pk"), copies=Sum("quantity", default=0), revenue=Sum("total", default=0))
    report["books"] = (
        sold.order_by()
        .values("book", title=F("book__title"))
        .annotate(copies=Sum("quantity"), revenue=Sum("total"))
        .order_by("-revenue", "book")
    )
    return Response(SalesSerializer(report).data)
