"""Books and orders."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models


class Book(models.Model):
    """A book on the shelf."""

    isbn = models.CharField("ISBN", max_length=13, unique=True)
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])

    class Meta:
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return f"{self.title} ({self.author})"


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about orders."""

    def sold(self) -> "OrderQuerySet":
        """Orders that brought money: all but the refunded ones."""
        return self.exclude(status=Order.Status.REFUNDED)

    def with_total(self) -> "OrderQuerySet":
        """Orders with `total`, what the customer paid."""
        total = models.ExpressionWrapper(
            models.F("unit_price") * models.F("quantity"),
            output_field=models.DecimalField(max_digits=12, decimal_places=2),
        )
        return self.annotate(total=total)


class Order(models.Model):
    """A number of copies of one book, at the price of that day."""

    class Status(models.TextChoices):
        """Where an order is on its way."""

        PLACED = "placed", "placed"
        SHIPPED = "shipped", "shipped"
        REFUNDED = "refunded", "refunded"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="orders")
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    unit_price = models.DecimalField(max_digits=8, decimal_places=2, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PLACED)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        permissions = [("refund_order", "Can refund order"), ("view_report", "Can view reports")]
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="shop_order_quantity_at_least_1"),
        ]

    def __str__(self) -> str:
        return f"Order {self.pk}: {self.quantity} × {self.book.title}"

    def save(self, *args: object, **kwargs: object) -> None:
        """Take over the book's price when the order is made."""
        if self.unit_price is None:
            self.unit_price = self.book.price
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def refund(self) -> bool:
        """Refund once: False when somebody did already. Decided in SQL, so that two at the same time pay once."""
        refunded = Order.objects.sold().filter(pk=self.pk).update(status=Order.Status.REFUNDED) == 1
        if refunded:
            self.status = Order.Status.REFUNDED
        return refunded
