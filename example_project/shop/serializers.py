"""Books and orders as JSON."""

from typing import Any

from rest_framework import serializers

from .models import Book, Order


class BookSerializer(serializers.ModelSerializer[Book]):
    """A book."""

    class Meta:
        model = Book
        fields = ["id", "isbn", "title", "author", "price"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order. Clients give `book` and `quantity`; a refund has its own endpoint."""

    quantity = serializers.IntegerField(min_value=1, max_value=1000)
    total = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = ["id", "book", "quantity", "unit_price", "total", "status", "created_at"]
        read_only_fields = ["unit_price", "status", "created_at"]

    def update(self, instance: Order, validated_data: dict[str, Any]) -> Order:
        """Another book costs its own price."""
        book = validated_data.get("book", instance.book)
        if book != instance.book:
            instance.unit_price = book.price
        return super().update(instance, validated_data)

    def get_total(self, order: Order) -> str:
        """What the customer pays."""
        return str(order.unit_price * order.quantity)


class SoldBookSerializer(serializers.Serializer[dict[str, object]]):
    """A line of the sales report."""

    book = serializers.IntegerField()
    title = serializers.CharField()
    copies = serializers.IntegerField()
    revenue = serializers.DecimalField(max_digits=14, decimal_places=2)


class SalesSerializer(serializers.Serializer[dict[str, object]]):
    """The sales report."""

    orders = serializers.IntegerField()
    copies = serializers.IntegerField()
    revenue = serializers.DecimalField(max_digits=14, decimal_places=2)
    books = SoldBookSerializer(many=True)
