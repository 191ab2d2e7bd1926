"""From what an operator types to values. Every error says how to write it, and names the nearest thing that is valid.

Values that come from `call_command(..., grace=timedelta(hours=1))` pass as they are.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import models
from django.utils import timezone

from ..core.durations import parse_duration
from ..exceptions import UnknownName
from ..keys.service import service_account
from ..roles import names

DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATE_HELP: Final = (
    "a duration (90d), a date (2030-12-31: that whole day included) or a date and time (2030-12-31T18:00)"
)
SPELLED: Final = re.compile(
    r"([0-9]{1,6})\s*(s|sec|seconds?|min|minutes?|h|hours?|d|days?|w|weeks?|mo|months?|y|years?)", re.IGNORECASE
)
UNITS: Final = {"s": "s", "mi": "m", "h": "h", "d": "d", "w": "w", "mo": "mo", "y": "y"}


def words(values: str | Iterable[str] | None) -> list[str]:
    """The words of a repeated option; one value may hold several, separated by spaces or commas."""
    given = [values] if isinstance(values, str) else list(values or ())
    return [word for value in given for word in value.replace(",", " ").split()]


def length(value: str | timedelta, option: str) -> timedelta:
    """A duration, as 90d, 24h or 0: no longer than the calendar reaches from now, both ways."""
    try:
        found = value if isinstance(value, timedelta) else parse_duration(str(value))
        _ = timezone.now() - found, timezone.now() + found
    except ValueError as error:
        raise CommandError(f"{option}: {error}{_did_you_mean(_nearest_duration(str(value)))}") from None
    except OverflowError:
        raise CommandError(f"{option}: {value!r} is too long a duration.") from None
    return found


def moment(value: str | datetime | date, option: str, *, whole_day: bool) -> datetime:
    """A moment: now plus a duration, or a date or time in the project's time zone. `whole_day`: a date means its end."""
    if isinstance(value, datetime):
        return value
    text = value.isoformat() if isinstance(value, date) else value.strip()
    try:
        if DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return timezone.make_aware(datetime.combine(day + timedelta(days=1 if whole_day else 0), time.min))
        if "-" in text:
            parsed = datetime.fromisoformat(text)
            return parsed if timezone.is_aware(parsed) else timezone.make_aware(parsed)
        return timezone.now() + parse_duration(text)
    except (ValueError, OverflowError):
        hint = _did_you_mean(_nearest_date(text) or _nearest_duration(text))
        raise CommandError(f"{option}: {text!r} is no date that exists: write {DATE_HELP}.{hint}") from None


def _did_you_mean(found: str | None) -> str:
    return f" Did you mean {found!r}?" if found else ""


def _nearest_duration(text: str) -> str | None:
    found = SPELLED.fullmatch(text.strip())
    if found is None:
        return None
    unit = next(UNITS[start] for start in ("mo", "mi", *UNITS) if found[2].lower().startswith(start))
    return f"{int(found[1]) * 30}d" if unit == "mo" else f"{int(found[1])}{unit}"


def _nearest_date(text: str) -> str | None:
    """The existing date nearest to what was typed: 2030-02-30, 2030/2/3, 31.12.2030."""
    numbers = [int(number) for number in re.findall(r"[0-9]{1,4}", text)[:3]]
    if len(numbers) != 3 or not re.search(r"[-/.]", text):
        return None
    year, month, day = numbers if numbers[0] > 31 else (numbers[2], *sorted(numbers[:2], key=lambda part: part > 12))
    if not 1 <= year <= 9998:
        return None
    month = min(max(month, 1), 12)
    return date(year, month, min(max(day, 1), calendar.monthrange(year, month)[1])).isoformat()


def add_principal(parser: CommandParser, *, what: str, group: bool = False, required: bool = True) -> Any:
    """`--user` and `--service-account` (and `--group`), one of them. Returns the choice, for another option to join it."""
    choice = parser.add_mutually_exclusive_group(required=required)
    choice.add_argument("--user", metavar="U", help=f"User name of the person {what}.")
    choice.add_argument("--service-account", metavar="S", help=f"Name of the service account {what}.")
    if group:
        choice.add_argument("--group", metavar="G", help=f"Name of the group {what}.")
    return choice


def principal(options: Mapping[str, Any]) -> Any:
    """The user whom `--user` or `--service-account` names; None where neither is given. Raises `UnknownName`."""
    if options.get("user"):
        return names.user(options["user"])
    if options.get("service_account"):
        return service_account(options["service_account"]).user
    return None


def model_named(label: str, option: str = "--model") -> type[models.Model]:
    """The model `app.Model`. Raises `UnknownName` with the nearest."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        known = [f"{model._meta.app_label}.{model.__name__}" for model in apps.get_models()]
        app_label = label.partition(".")[0].lower()
        inside = [name for name in known if name.partition(".")[0] == app_label]
        hint = names.nearest(label, inside) or names.nearest(label, known)
        raise UnknownName(f"{option}: there is no model {label!r} (write app.Model).{hint}") from None


def object_named(text: str, option: str = "--on") -> models.Model:
    """The object `app.Model:pk`. Raises `UnknownName` where the model or the object does not exist."""
    label, colon, key = text.partition(":")
    model = model_named(label, option)
    name = f"{model._meta.app_label}.{model.__name__}"
    if not colon or not key:
        raise UnknownName(f"{option}: say which one, as {name}:7.")
    try:
        found = model._base_manager.filter(pk=key).first()
    except (ValidationError, ValueError, OverflowError):
        raise UnknownName(f"{option}: {key!r} cannot be a primary key of {name}.") from None
    if found is None:
        if key.isascii() and key.isdecimal():
            hint = nearest_number(model._base_manager.all(), int(key))
        else:
            hint = names.nearest(key, map(str, model._base_manager.order_by("-pk").values_list("pk", flat=True)[:1000]))
        raise UnknownName(f"{option}: there is no {name} with primary key {key!r}.{hint}")
    return found


def nearest_number(rows: models.QuerySet[Any], number: int) -> str:
    """` Did you mean 7?` with the primary key nearest to `number`, or nothing."""
    below = rows.filter(pk__lt=number).order_by("-pk").values_list("pk", flat=True).first()
    above = rows.filter(pk__gt=number).order_by("pk").values_list("pk", flat=True).first()
    near = [pk for pk in (below, above) if isinstance(pk, int)]
    return f" Did you mean {min(near, key=lambda pk: abs(pk - number))}?" if near else ""
