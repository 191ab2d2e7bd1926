"""How far keys reach: superusers', wide ones, and those that can do more than the key that asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from django.db.models import Q

from ...audit import many
from ...audit.finding import Finding, Severity
from ...audit.many import capped, each, has_field, is_active, some
from ...audit.rules import rule
from ...audit.run import Audit
from ...core import scopes as core_scopes
from ...core.addresses import is_no_bound, parse_networks
from ...roles.audit.facts import gives_everything
from ..breadth import beyond_principals
from ..models import APIKey
from .subjects import key_subject, usable

CHUNK: Final = 500


@rule(
    "keys.wide-anywhere",
    Severity.MEDIUM,
    title="Wide API keys that work from everywhere",
    why="A key with a wildcard or with every scope is worth stealing, and nothing ties it to the program that should have it.",
    fix="manage.py change_api_keys KEY_ID --network 203.0.113.0/24",
    references=("ASVS 13.2.2", "ASVS 8.2.4", "CWE-250"),
)
def wide_anywhere(audit: Audit) -> Iterator[Finding]:
    unproven = usable(audit.now).filter(dpop_jkt="")
    wide = unproven.filter(Q(scopes__contains=":*") | Q(scopes__in=_all_of_them(unproven)))

    def finding(key: Any) -> Finding:
        wild = sorted(name for name in key.scopes if name.endswith(":*"))
        message = f"has {some(wild)}" if wild else "has every declared scope"
        anywhere = (
            f"works from any address ({some(key.networks.split())})" if key.networks else "works from any address"
        )
        fix = f"manage.py change_api_keys {key.pk} --network 203.0.113.0/24  # the network of the program that uses it"
        return audit.found(key_subject(key), f"{message}, and {anywhere}", fix=fix)

    yield from each(audit, wide.filter(Q(networks="") | Q(networks__in=_no_bounds(wide))), "api_key", finding)


def _no_bounds(keys: Any) -> list[str]:
    """The texts in the column that bind a key to most of the internet."""
    texts = keys.exclude(networks="").order_by().values_list("networks", flat=True).distinct().iterator()
    return list(islice((text for text in texts if is_no_bound(parse_networks(text))), CHUNK))


def _all_of_them(keys: Any) -> list[str]:
    """The texts in the column that name every declared scope. There are as many texts as kinds of keys, so few."""
    texts = keys.order_by().values_list("scopes", flat=True).distinct().iterator()
    field: Any = APIKey._meta.get_field("scopes")
    wide = [field.get_prep_value(names) for names in texts if gives_everything(core_scopes.registry.expand(names))]
    return wide[:CHUNK]


@rule(
    "keys.superuser",
    Severity.MEDIUM,
    title="API keys of superusers",
    why="A superuser holds every scope, those that will be declared too: no grant narrows what such a key opens. Give a program an account "
    "of its own.",
    fix="manage.py create_service_account NAME --owner U --purpose TEXT",
    references=("ASVS 13.2.2", "ASVS 8.2.1", "CWE-250"),
)
def of_superusers(audit: Audit) -> Iterator[Finding]:
    if not has_field("is_superuser"):
        return

    def finding(key: Any) -> Finding:
        fix = (
            f"manage.py create_service_account NAME --owner {key.principal.get_username()} --purpose TEXT  "
            f'# then: manage.py revoke_api_keys {key.pk} --reason "Moved to a service account"'
        )
        return audit.found(key_subject(key), "speaks for a superuser", fix=fix, scopes=sorted(key.scopes)[:20])

    found = usable(audit.now).filter(is_active("principal"), principal__is_superuser=True)
    yield from each(audit, found, "api_key", finding)


@rule(
    "keys.beyond-principal",
    Severity.LOW,
    title="API keys with scopes that their principal does not hold",
    why="They open nothing with them now, and come alive with the next role that somebody gives the person for another reason.",
    fix="manage.py change_api_keys KEY_ID --scope SCOPE",
    references=("ASVS 13.2.2", "ASVS 8.2.1", "CWE-272"),
)
def beyond_principal(audit: Audit) -> Iterator[Finding]:
    active = APIKey.objects.usable(audit.now).filter(is_active("principal")).exclude(scopes="")
    found = dict(sorted(beyond_principals(active), reverse=True))
    newest = list(found)[: many.MOST]
    for start in range(0, len(newest), CHUNK):
        for key in usable(audit.now).filter(pk__in=newest[start : start + CHUNK]).order_by("-pk"):
            stays = core_scopes.registry.expand(key.scopes) - found[key.pk]
            kept = " ".join(f"--scope {name}" for name in sorted(core_scopes.registry.reduce(stays)))
            fix = (
                f"manage.py change_api_keys {key.pk} {kept}"
                if kept
                else f'manage.py revoke_api_keys {key.pk} --reason "Opens nothing"'
            )
            yield audit.found(key_subject(key), f"its principal does not hold {some(sorted(found[key.pk]))}", fix=fix)
    if len(found) > len(newest):
        yield many.further(audit, "api_key", len(found) - len(newest))


@rule(
    "keys.wider-than-issuer",
    Severity.HIGH,
    title="API keys that can do more than the key that asked for them",
    why="The service never lets that happen: somebody wrote it into the database, or restored an old backup.",
    fix='manage.py revoke_api_keys KEY_ID --reason "Wider than the key that asked for it"',
    references=("ASVS 8.2.1", "CWE-269"),
)
def wider_than_issuer(audit: Audit) -> Iterator[Finding]:
    def findings() -> Iterator[Finding]:
        expand = core_scopes.registry.expand
        rows = usable(audit.now).filter(issued_via__isnull=False).select_related("principal", "issued_via")
        for key in rows.order_by("-pk").iterator(chunk_size=CHUNK):
            beyond = expand(key.scopes) - expand(key.issued_via.scopes)
            dead = key.issued_via.revoked_at is not None
            if beyond or dead:
                message = f"came from key {key.issued_via_id}, which " + (
                    "is revoked" if dead else f"does not have {some(sorted(beyond))}"
                )
                fix = f'manage.py revoke_api_keys {key.pk} --reason "Wider than the key that asked for it"'
                yield audit.found(key_subject(key), message, fix=fix)

    yield from capped(audit, findings(), "api_key")
