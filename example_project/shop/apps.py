"""The shop as a Django app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Books, orders, and what people may do with them."""

    name = "shop"
    default_auto_field = "django.db.models.BigAutoField"
