"""`leak_rule`: rules that other scanners can read, and that fit our keys and nothing else."""

from __future__ import annotations

import re
import tomllib
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from django_apiaccess.core import secrets


def printed(form: str) -> str:
    out = StringIO()
    call_command("leak_rule", format=form, stdout=out)
    return out.getvalue()


def gitleaks() -> dict[str, str]:
    rules: list[dict[str, Any]] = tomllib.loads(printed("gitleaks"))["rules"]
    assert all(rule["keywords"] and rule["description"] for rule in rules)
    return {rule["id"]: rule["regex"] for rule in rules}


def trufflehog() -> dict[str, str]:
    detectors = yaml.safe_load(printed("trufflehog"))["detectors"]
    assert all("verify" not in detector and detector["keywords"] for detector in detectors)
    return {detector["name"]: detector["regex"]["key"] for detector in detectors}


def github() -> dict[str, str]:
    text = printed("github")
    return dict(zip(re.findall("Pattern name: (.*)", text), re.findall("Secret format: (.*)", text), strict=True))


@pytest.mark.parametrize("rules_of", [gitleaks, trufflehog, github])
def test_the_rules_fit_keys_and_what_is_none_they_do_not(rules_of, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "KEY_PREFIX": "shop"}
    rules = rules_of()
    assert list(rules) == ["shop-api-key", "rt-refresh-token", "cs-oauth-client-secret"]
    for prefix, rule in zip(("shop", "rt", "cs"), rules.values(), strict=True):
        assert not set(rule) & set("()\\")  # RE2, PCRE and Hyperscan read it alike
        for _ in range(200):
            text = secrets.make_key(prefix).text
            assert re.search(rule, f"x = '{text}'")[0] == text  # type: ignore[index]
            assert re.search(rule, text[:-1]) is None
            assert re.search(rule, text.replace("_", "-")) is None
        assert re.search(rule, secrets.make_key("other").text) is None
        assert re.search(rule, printed("gitleaks")) is None


def test_the_test_string_for_github_is_a_key_by_its_form():
    samples = re.findall("Test string: (.*)", printed("github"))
    assert [
        secrets.split(sample, prefix) is not None for sample, prefix in zip(samples, ("ak", "rt", "cs"), strict=True)
    ] == [True] * 3


def test_gitleaks_keeps_its_own_rules():
    assert tomllib.loads(printed("gitleaks"))["extend"] == {"useDefault": True}


def test_an_unknown_scanner_is_refused_with_those_that_are_known():
    with pytest.raises(CommandError, match="gitleaks"):
        call_command("leak_rule", "--format", "semgrep")
