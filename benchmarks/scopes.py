"""The scope that the measured view asks for."""

from django_apiaccess import declare_scope

declare_scope("shop:read", "See the shop", permissions=["auth.view_user"])
declare_scope("shop:write", "Change the shop", implies=["shop:read"])
