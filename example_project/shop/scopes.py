"""What a credential may be used for in this shop. Found by itself, as every app's `scopes.py`."""

from django_apiaccess import declare_scope

declare_scope("orders:read", "See orders", permissions=["shop.view_order"])
declare_scope(
    "orders:write",
    "Create, change and delete orders",
    permissions=["shop.add_order", "shop.change_order", "shop.delete_order"],
    implies=["orders:read"],
)
declare_scope("orders:refund", "Refund orders", permissions=["shop.refund_order"])
declare_scope("reports:read", "See reports", permissions=["shop.view_report"])
