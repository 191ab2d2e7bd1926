"""Books and orders in the Django admin."""

from django.contrib import admin

from .models import Book, Order


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    """Books."""

    list_display = ["title", "author", "isbn", "price"]
    search_fields = ["title", "author", "isbn"]


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders."""

    list_display = ["id", "book", "quantity", "unit_price", "status", "created_at"]
    list_filter = ["status"]
    list_select_related = ["book"]
    autocomplete_fields = ["book"]
    readonly_fields = ["unit_price", "created_at"]
