"""Scopes for notes."""

from django_apiaccess import declare_scope

declare_scope("notes:read", "See notes", permissions=["third_party.view_note"])
declare_scope(
    "notes:write",
    "Write notes",
    permissions=["third_party.add_note", "third_party.change_note", "third_party.delete_note"],
    implies=["notes:read"],
)
