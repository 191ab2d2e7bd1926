"""Django's error reports (the page in DEBUG, the mail to ADMINS) without credentials.

    DEFAULT_EXCEPTION_REPORTER = "django_apiaccess.errors.RedactingExceptionReporter"
    DEFAULT_EXCEPTION_REPORTER_FILTER = "django_apiaccess.errors.RedactingReporterFilter"

Django hides settings and headers by their names, and hides form fields only where a view marks them and DEBUG is off. These hide ours
always, also where a key stands in a variable, in the address or in the text of the exception.
"""

from __future__ import annotations

import copy
import re
from collections.abc import ItemsView
from typing import Any, Final
from urllib.parse import unquote_plus

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from .core.redaction import ELLIPSIS, FIELDS, is_secret_name, redact, redact_value

HIDDEN: Final = frozenset({
    *FIELDS, "token", "tokens", "code", "otp", "otp_token", "password", "new_password", "old_password", "credential", "user_code",
    "assertion", "api_key", "key",
})  # fmt: skip
"""Names of form fields, of variables and of parameters of an address."""
PARAMETER: Final = re.compile(r"(?<=[?&;])([^=&;\s#'\"<>]{1,200})=[^&;\s#'\"<>]+")
"""One parameter in an address, its name in front."""


def is_hidden(name: str) -> bool:
    """Whether a form field, a variable or a parameter of this name is not shown."""
    return name in HIDDEN or is_secret_name(name)


def without_parameters(text: str) -> str:
    """`text` with the parameters blanked that are not to be shown, in every address in it."""
    return PARAMETER.sub(lambda one: f"{one[1]}={ELLIPSIS}" if is_hidden(unquote_plus(one[1])) else one[0], text)


class RedactingReporterFilter(SafeExceptionReporterFilter):
    """Django's own, and more: our fields of forms, every cookie, DPoP proofs, and credentials in variables."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|COOKIE|DPOP|PEPPER", flags=re.IGNORECASE
    )

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        return redact_value(super().cleanse_setting(key, value))

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        return self._hidden(super().get_post_parameters(request))

    def get_cleansed_multivaluedict(self, request: HttpRequest, multivaluedict: Any) -> Any:
        return self._hidden(super().get_cleansed_multivaluedict(request, multivaluedict))

    def get_traceback_frame_variables(self, request: HttpRequest, tb_frame: Any) -> ItemsView[str, Any]:
        found = dict(super().get_traceback_frame_variables(request, tb_frame))
        return {name: self._shown(name, value) for name, value in found.items()}.items()

    def _shown(self, name: str, value: Any) -> Any:
        """`value` as it may be shown: redacted where it is of a type that `redact_value` gives back alike."""
        if is_hidden(name) and isinstance(value, str | bytes | list | tuple | set):
            return self.cleansed_substitute
        return redact_value(value) if type(value) in {str, bytes, dict, list, tuple, set} else value

    def _hidden(self, fields: Any) -> Any:
        if not isinstance(fields, MultiValueDict) or not any(map(is_hidden, fields)):
            return fields
        copied = fields.copy()
        for name in fields:
            if is_hidden(name):
                copied[name] = self.cleansed_substitute
        return copied


class RedactingExceptionReporter(ExceptionReporter):
    """Django's own, with credentials taken out of all that it shows, whatever filter is used."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        shown = {
            name: list(value) if name.endswith("_items") and value is not None else value
            for name, value in data.items()
        }
        found: dict[str, Any] = {name: redact_value(value) for name, value in shown.items()}
        if self.request is None:
            return found
        found["request_GET_items"] = [
            (name, ELLIPSIS if is_hidden(name) else value) for name, value in found.get("request_GET_items") or ()
        ]
        found["request_insecure_uri"] = without_parameters(found["request_insecure_uri"])
        found["request_meta"] = {name: _without_query(name, value) for name, value in found["request_meta"].items()}
        for frame in found["frames"]:
            if "vars" in frame:
                frame["vars"] = [(name, without_parameters(value)) for name, value in frame["vars"]]
        found["request"] = self._shown_request(found["request_meta"])
        return found

    def _shown_request(self, meta: dict[str, Any]) -> Any:
        """A copy of the request whose address holds no key: the templates ask the request itself for it."""
        shown: Any = copy.copy(self.request)
        shown.path, shown.path_info, shown.META = redact(shown.path), redact(shown.path_info), meta
        return shown


def _without_query(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return without_parameters(f"?{value}")[1:] if name == "QUERY_STRING" else without_parameters(value)
