"""Settings that hold or protect secrets: SECRET_KEY, peppers, how passwords are stored and which are taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.conf import settings

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...check_ids import sound
from ...conf import access_settings
from ...keys.checks import FOR_SHOW, LEAST_DIFFERENT

MAKE_KEY: Final = "python -c 'from django.core.management.utils import get_random_secret_key as k; print(k())'"
MAKE_PEPPER: Final = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
LEAST_KEY: Final = 32
LEAST_ROUNDS: Final = 100_000
STRONG: Final = (
    "Argon2PasswordHasher",
    "ScryptPasswordHasher",
    "PBKDF2PasswordHasher",
    "PBKDF2SHA1PasswordHasher",
    "BCryptSHA256PasswordHasher",
)
LENGTH: Final = "django.contrib.auth.password_validation.MinimumLengthValidator"
COMMON: Final = "django.contrib.auth.password_validation.CommonPasswordValidator"


def _weakness(secret: str, least: int) -> str:
    """What is wrong with a secret; empty: nothing that can be seen. Never the secret itself."""
    if secret.startswith("django-insecure-"):
        return "begins with django-insecure-, so it was made for development"
    if len(secret) < least:
        return f"is shorter than {least} characters"
    if len(set(secret)) < LEAST_DIFFERENT:
        return "is easy to guess"
    return "looks like a value for show" if FOR_SHOW.search(secret) else ""


@rule(
    "settings.secret-key",
    Severity.CRITICAL,
    title="SECRET_KEY can be guessed",
    why="It signs sessions, password resets and messages: whoever knows it makes their own, for anybody.",
    fix=f"SECRET_KEY = os.environ['SECRET_KEY']  # made with: {MAKE_KEY}",
    references=("ASVS 13.3.1", "ASVS 11.5.1", "CWE-798", "CWE-1391"),
)
def secret_key(audit: Audit) -> Iterator[Finding]:
    for name, keys in (("SECRET_KEY", [settings.SECRET_KEY]), ("SECRET_KEY_FALLBACKS", settings.SECRET_KEY_FALLBACKS)):
        for place, key in enumerate(keys):
            problem = _weakness(key if isinstance(key, str) else key.decode("latin-1"), LEAST_KEY)
            if problem:
                yield audit.found(places.setting(name), problem, aspect=str(place or ""))


@rule(
    "settings.pepper-derived",
    Severity.LOW,
    title="Keys are protected by SECRET_KEY",
    why="Without peppers of their own, changing SECRET_KEY ends every key, and whoever learns it can test stolen digests.",
    fix=f'API_ACCESS = {{..., "PEPPERS": [os.environ["API_PEPPER"]]}}  # made with: {MAKE_PEPPER}',
    references=("ASVS 13.3.1", "ASVS 11.4.2", "CWE-321"),
)
def pepper_derived(audit: Audit) -> Iterator[Finding]:
    if sound("PEPPERS") and access_settings.peppers_are_derived:
        yield audit.found(places.setting('API_ACCESS["PEPPERS"]'), "is empty, so the pepper derives from SECRET_KEY")


@rule(
    "settings.pepper-weak",
    Severity.HIGH,
    title="A pepper can be guessed",
    why="The pepper keeps a stolen table of digests useless. One that can be guessed, or that is SECRET_KEY itself, keeps nothing.",
    fix=f'API_ACCESS = {{..., "PEPPERS": [os.environ["API_PEPPER"], OLD]}}  # made with: {MAKE_PEPPER}',
    references=("ASVS 13.3.1", "ASVS 11.5.1", "CWE-1391"),
)
def pepper_weak(audit: Audit) -> Iterator[Finding]:
    if not sound("PEPPERS") or access_settings.peppers_are_derived:
        return
    for place, pepper in enumerate(access_settings.PEPPERS, 1):
        same = pepper == settings.SECRET_KEY
        problem = "is SECRET_KEY itself: whoever learns one has both" if same else _weakness(pepper, LEAST_KEY)
        if problem:
            said = problem if len(access_settings.PEPPERS) == 1 else f"its entry {place} {problem}"
            yield audit.found(places.setting('API_ACCESS["PEPPERS"]'), said, aspect=str(place))


@rule(
    "settings.password-hasher",
    Severity.HIGH,
    title="Passwords are stored in a way that is fast to try out",
    why="From a stolen table of fast digests (MD5, SHA-1, plain) most passwords are read within a day.",
    fix='PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]',
    references=("ASVS 11.4.2", "CWE-916"),
)
def password_hasher(audit: Audit) -> Iterator[Finding]:
    from django.contrib.auth.hashers import get_hashers

    first = type(get_hashers()[0])
    if any(base.__name__ in STRONG and base.__module__ == "django.contrib.auth.hashers" for base in first.__mro__):
        rounds = getattr(first, "iterations", LEAST_ROUNDS)
        if "PBKDF2" in str(first.__mro__) and rounds < LEAST_ROUNDS:
            said = f"begins with {first.__name__}, of {rounds:,} iterations"
            yield audit.found(places.setting("PASSWORD_HASHERS"), said, aspect="iterations")
        return
    foreign = not first.__module__.startswith("django.")
    severity = Severity.INFO if foreign else Severity.HIGH
    said = "which this audit does not know" if foreign else "which is fast to try out"
    yield audit.found(places.setting("PASSWORD_HASHERS"), f"begins with {first.__name__}, {said}", severity=severity)


@rule(
    "settings.password-validators",
    Severity.MEDIUM,
    title="Any password will do",
    why="Short and common passwords are tried first, on every account. Django refuses them only where validators say so.",
    fix=f'AUTH_PASSWORD_VALIDATORS = [{{"NAME": "{LENGTH}", "OPTIONS": {{"min_length": 8}}}}, {{"NAME": "{COMMON}"}}]',
    references=("ASVS 6.2.1", "ASVS 6.2.4", "CWE-521"),
)
def password_validators(audit: Audit) -> Iterator[Finding]:
    given = [entry.get("NAME", "") for entry in settings.AUTH_PASSWORD_VALIDATORS]
    subject = places.setting("AUTH_PASSWORD_VALIDATORS")
    if not given:
        yield audit.found(subject, "is empty")
    elif all(name.startswith("django.") for name in given):  # else one of the project's own may do it
        for name, said in ((LENGTH, "sets no shortest length"), (COMMON, "takes common passwords")):
            if name not in given:
                yield audit.found(subject, said, severity=Severity.LOW, aspect=name)
