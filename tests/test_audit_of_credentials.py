"""Every rule about credentials, roles, people and tokens has its planted weakness, its row in the reference, and a source."""

from __future__ import annotations

import re

import pytest

from django_apiaccess.audit.rules import Rule, all_rules
from tests.contrib.oauth.test_audit import PLANTED as OF_CLIENTS
from tests.docs.pages import DOCS, code, rows
from tests.keys.test_audit import PLANTED as OF_KEYS
from tests.keys.test_audit_peers import PLANTED as OF_PEERS
from tests.passwords.test_audit import PLANTED as OF_PEOPLE
from tests.roles.test_audit import PLANTED as OF_ROLES
from tests.tokens.test_audit import PLANTED as OF_TOKENS

PLANTED = {**OF_KEYS, **OF_PEERS, **OF_ROLES, **OF_TOKENS, **OF_PEOPLE, **OF_CLIENTS}
ELSEWHERE = {"oauth.dot-accepted"}
"""Planted in tests/contrib/oauth/test_audit.py by a test of its own."""
MODULES = re.compile(
    r"django_apiaccess\.(keys\.audit|roles\.audit|tokens\.audit|mfa\.audit|passwords\.audit|access\.audit_people|contrib\.\w+\.)"
)
SOURCE = re.compile(r"ASVS \d+\.\d+\.\d+|RFC \d+|CWE-\d+|NIST SP 800-|INCITS 359|OWASP |API\d+:2023")
RULES = [found for found in all_rules() if MODULES.match(found.check.__module__)]


def test_every_rule_has_its_planted_weakness() -> None:
    assert {found.id for found in RULES} == PLANTED.keys() | ELSEWHERE


@pytest.mark.parametrize("found", RULES, ids=lambda found: found.id)
def test_every_rule_says_why_how_and_where_it_is_written(found: Rule) -> None:
    assert found.title
    assert found.why.endswith(".")
    assert found.fix
    assert found.references
    assert all(SOURCE.match(reference) for reference in found.references)


def test_every_rule_has_its_row_in_the_reference() -> None:
    described = {
        code(row[0])[0]: row[1] for row in rows(DOCS / "reference/audit-rules.md") if len(row) == 4 and code(row[0])
    }
    assert {found.id: found.severity.word for found in RULES}.items() <= described.items()
