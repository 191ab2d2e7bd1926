"""Scopes of the test app."""

from django_apiaccess import declare_scope

declare_scope("docs:read", "See documents", permissions=["testapp.view_document"])
declare_scope(
    "docs:write",
    "Write documents",
    permissions=["testapp.add_document", "testapp.change_document"],
    implies=["docs:read"],
)
declare_scope("docs:delete", "Delete documents", permissions=["testapp.delete_document"])
declare_scope("reports:read", "See reports")
