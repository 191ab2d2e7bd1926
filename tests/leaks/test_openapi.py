"""What the OpenAPI document says of the endpoints for leaks."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture
def paths(db: None) -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def test_a_report_is_open_to_everybody_and_answers_202(paths):
    operation = paths["paths"]["/access/leaks/"]["post"]
    assert not any(operation.get("security", []))
    assert set(operation["responses"]) == {"202", "400", "403", "429"}
    assert list(operation["requestBody"]["content"]) == ["application/json"]
    assert paths["components"]["schemas"]["LeakReport"]["required"] == ["tokens"]


def test_an_alert_is_an_array_that_is_signed_in_two_headers(paths):
    operation = paths["paths"]["/access/leaks/github/"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert (body["type"], body["items"]["$ref"]) == ("array", "#/components/schemas/SecretScanningAlert")
    signed = [
        parameter["name"]
        for parameter in operation["parameters"]
        if parameter["in"] == "header" and parameter["required"]
    ]
    assert signed == ["Github-Public-Key-Identifier", "Github-Public-Key-Signature"]
    assert {"200", "400", "403", "413", "429", "503"} == set(operation["responses"])
