"""The audit's rules about people and their passwords: stored hashes, default names, passwords that are names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Case, CharField, Q, Value, When

from ..audit.finding import Finding, Severity, Subject
from ..audit.many import MOST, each, number, page_of, shell, some, word
from ..audit.rules import rule
from ..audit.run import Audit
from ..conf import access_settings
from ..mfa import overview

WEAK: Final = {
    "md5": r"^(md5\$|[0-9a-f]{32}$|unsalted_md5|\$1\$)",
    "sha1": r"^(sha1\$|unsalted_sha1)",
    "crypt": r"^crypt\$",
    "sha2 without iterations": r"^(sha224|sha256|sha384|sha512)\$",
    "pbkdf2_sha1": r"^pbkdf2_sha1\$",
    "pbkdf2_sha256 with fewer than 600,000 iterations": r"^pbkdf2_sha256\$([0-9]{1,5}|[1-5][0-9]{5})\$",
}
"""Hashes that are guessed fast, by how they begin. 600,000 iterations are what OWASP asks for, and Django's default since 4.2."""
BROKEN: Final = ("md5", "sha1", "crypt", "sha2 without iterations")
DEFAULT_NAMES: Final = frozenset(
    {
        "admin",
        "administrator",
        "changeme",
        "default",
        "demo",
        "dev",
        "developer",
        "django",
        "guest",
        "manager",
        "operator",
        "root",
        "sa",
        "staff",
        "su",
        "superuser",
        "support",
        "sysadmin",
        "test",
        "tester",
        "testuser",
        "user",
        "webmaster",
    }
)


@rule(
    "people.weak-hash",
    Severity.HIGH,
    title="Passwords stored under weak hashes",
    why="Whoever reads the table tries out guesses fast, and people use the same passwords elsewhere. "
    "Django renews a hash only at a log-in.",
    fix="Set an unusable password and let them choose a new one: manage.py changepassword U",
    references=("ASVS 11.4.2", "NIST SP 800-63B-4 section 3.1.1.2", "CWE-916", "CWE-328"),
)
def weak_hash(audit: Audit) -> Iterator[Finding]:
    model: Any = get_user_model()
    kinds = [When(password__regex=pattern, then=Value(name)) for name, pattern in WEAK.items()]
    any_ = reduce(or_, (Q(password__regex=pattern) for pattern in WEAK.values()))
    rows = overview.people().filter(any_).annotate(kind=Case(*kinds, output_field=CharField())).order_by("kind", "pk")
    found: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for kind, name in rows.values_list("kind", model.USERNAME_FIELD).iterator(chunk_size=2000):
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= 20:
            found.setdefault(kind, []).append(str(name))
    for kind, names in found.items():
        severity = Severity.HIGH if kind in BROKEN else Severity.MEDIUM
        fix = f"manage.py changepassword {word(names[0])}" + ("  # and the others" if counts[kind] > 1 else "")
        subject = Subject("password_hash", kind.partition(" ")[0], kind)
        message = f"{number(counts[kind], 'active person', 'active people')}: {some(names)}"
        yield audit.found(subject, message, severity=severity, fix=fix, count=counts[kind], names=names)


@rule(
    "people.default-name",
    Severity.MEDIUM,
    title="Superusers with a name that everybody tries first",
    why="Guessing needs a name and a password; here the name is known. Accounts of installers and tests are forgotten.",
    fix="Rename the account, or make it inactive.",
    references=("ASVS 6.3.2", "ASVS 13.2.3", "CWE-1392"),
)
def default_name(audit: Audit) -> Iterator[Finding]:
    from django.contrib.auth.hashers import check_password

    model: Any = get_user_model()
    for user in overview.people().filter(overview.staff()).order_by("-pk")[:MOST]:
        name = str(user.get_username()).lower().partition("@")[0]
        if re.sub(r"[^a-z]", "", name) not in DEFAULT_NAMES or not getattr(user, "is_superuser", False):
            continue
        subject = Subject("user", str(user.pk), str(user.get_username()), page_of(model, user.pk))
        code = (
            "from django.contrib.auth import get_user_model; "
            f"get_user_model().objects.filter(pk={user.pk!r}).update({model.USERNAME_FIELD}='NEW-NAME')"
        )
        fix = shell(code)
        guessable = user.has_usable_password() and any(
            check_password(guess, user.password) for guess in dict.fromkeys((user.get_username(), name))
        )
        if guessable:
            fix = f"manage.py changepassword {word(user.get_username())}"
            message = "is an active superuser whose password is its name"
            yield audit.found(subject, message, severity=Severity.CRITICAL, fix=fix)
        else:
            yield audit.found(subject, "is an active superuser", fix=fix)


@rule(
    "people.no-email",
    Severity.LOW,
    title="Staff and superusers who cannot be told what happens to their account",
    why="Notifications of new factors, leaked keys and replayed sessions go by e-mail, and there is no address.",
    fix="Give them an e-mail address.",
    references=("ASVS 6.3.7", "CWE-778"),
)
def no_email(audit: Audit) -> Iterator[Finding]:

    model: Any = get_user_model()
    if access_settings.NOTIFIER != "django_apiaccess.notifications.send_email" or not hasattr(
        model, "get_email_field_name"
    ):
        return
    column = model.get_email_field_name()
    if column not in {field.name for field in model._meta.concrete_fields}:
        return

    def finding(user: Any) -> Finding:
        subject = Subject("user", str(user.pk), str(user.get_username()), page_of(model, user.pk))
        code = (
            "from django.contrib.auth import get_user_model; "
            f"get_user_model().objects.filter(pk={user.pk!r}).update({column}='NAME@example.com')"
        )
        return audit.found(subject, "has no e-mail address", fix=shell(code))

    empty = Q(**{column: ""}) | Q(**{f"{column}__isnull": True})
    yield from each(audit, overview.people().filter(overview.staff()).filter(empty), "user", finding)
