"""From `API_ACCESS["MFA"]["SMS_GATEWAY"]` to a gateway."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .base import SMSGateway
from .config import option
from .failover import FailoverGateway

HOW: Final = "Write API_ACCESS = {'MFA': {'SMS_GATEWAY': {'BACKEND': 'django_apiaccess.sms.twilio.TwilioGateway', 'OPTIONS': {...}}}}."


class MissingExtra(ImproperlyConfigured):
    """A gateway whose package is not installed."""


@lru_cache(maxsize=1)
def get_gateway() -> SMSGateway:
    """The project's gateway, made once. Raises `ImproperlyConfigured`, which says how to write the setting."""
    return build(option("SMS_GATEWAY"))


def forget_gateway(**_kwargs: Any) -> None:
    """Make it anew next time. Connected to Django's signal for changed settings, which `override_settings` sends."""
    get_gateway.cache_clear()


setting_changed.connect(forget_gateway, dispatch_uid="django_apiaccess.sms")


def build(entry: Any) -> SMSGateway:
    """The gateway of an entry: a dotted path, a dict with BACKEND and OPTIONS, or a list of those. Raises `ImproperlyConfigured`."""
    if isinstance(entry, list | tuple):
        if not entry:
            raise ImproperlyConfigured(f"SMS_GATEWAY is an empty list. {HOW}")
        gateways = [build_one(part) for part in entry]
        return gateways[0] if len(gateways) == 1 else FailoverGateway(gateways=gateways)
    return build_one(entry)


def build_one(entry: Any) -> SMSGateway:
    path, options = _parts(entry)
    try:
        backend = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"SMS_GATEWAY: {path} cannot be imported: {error}.") from None
    if not (isinstance(backend, type) and issubclass(backend, SMSGateway)):
        raise ImproperlyConfigured(f"SMS_GATEWAY: {path} is no subclass of django_apiaccess.sms.SMSGateway.")
    if backend.requires is not None and find_spec(backend.requires[0]) is None:
        package, extra = backend.requires
        raise MissingExtra(
            f"SMS_GATEWAY: {path} needs the package {package}, which is not installed: pip install 'django-apiaccess[{extra}]'."
        )
    _check_options(path, backend, options)
    try:
        return backend(**options)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"SMS_GATEWAY: {path}: {error}.") from None


def _parts(entry: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str) and entry:
        return entry, {}
    if entry is None:
        raise ImproperlyConfigured(f"No SMS gateway is set. {HOW}")
    if not isinstance(entry, Mapping) or not isinstance(entry.get("BACKEND"), str):
        raise ImproperlyConfigured(f"SMS_GATEWAY must be a dotted path, a dict with BACKEND, or a list of those. {HOW}")
    unknown = sorted(set(entry) - {"BACKEND", "OPTIONS"}, key=str)
    if unknown:
        raise ImproperlyConfigured(f"SMS_GATEWAY knows no entry {unknown[0]!r}; entries: BACKEND, OPTIONS.")
    options = entry.get("OPTIONS", {})
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise ImproperlyConfigured("SMS_GATEWAY: OPTIONS must be a dict, as {'account_sid': 'AC...'}.")
    return entry["BACKEND"], dict(options)


def _check_options(path: str, backend: type[SMSGateway], options: Mapping[str, Any]) -> None:
    """Refuse unknown and missing options by name, without a value: values are secrets."""
    parameters = [each for each in inspect.signature(backend).parameters.values() if each.name != "self"]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    known = {each.name for each in parameters if each.kind is not each.VAR_POSITIONAL}
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name.lower(), sorted(known), n=1)
            raise ImproperlyConfigured(
                f"SMS_GATEWAY: {path} knows no option {name!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"options: {', '.join(sorted(known)) or 'none'}.")
            )
    missing = [
        each.name
        for each in parameters
        if each.name in known and each.default is each.empty and each.name not in options
    ]
    if missing:
        raise ImproperlyConfigured(f"SMS_GATEWAY: {path} needs the option {missing[0]!r} in OPTIONS.")
