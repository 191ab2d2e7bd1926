"""The OpenAPI document says what each operation asks, and validates without a warning."""

import pytest
from django.test import override_settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from django_apiaccess.keys import service as keys
from tests.testapp import views

OURS = "django_apiaccess.contrib.spectacular.AccessSchema"
SCHEMES = ["apiKeyAuth", "bearerAuth", "cookieAuth"]


@pytest.fixture
def document(monkeypatch):
    """`document(oas_version)`: the project's document, with our schema class."""
    from django.conf import settings

    def make(version="3.1.1", schema_class=OURS):
        framework = {**settings.REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": schema_class}
        GENERATOR_STATS.reset()
        with override_settings(REST_FRAMEWORK=framework), spectacular_version(version):
            return SchemaGenerator().get_schema(request=None, public=True)

    return make


class spectacular_version:  # noqa: N801 - used as a function
    def __init__(self, version):
        self.version = version

    def __enter__(self):
        spectacular_settings.apply_patches({"OAS_VERSION": self.version})

    def __exit__(self, *_exception):
        spectacular_settings.clear_patches()


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])
def test_the_document_is_valid(document, version):
    with spectacular_version(version):
        found = document(version)
        spectacular_settings.apply_patches({"OAS_VERSION": version})
        validate_schema(found)


def test_our_own_endpoints_give_no_warning(document):
    document()
    assert [text for text in GENERATOR_STATS._warn_cache if "django_apiaccess" in str(text)] == []


def test_the_ways_to_send_a_credential_are_security_schemes(document):
    schemes = document()["components"]["securitySchemes"]
    assert sorted(schemes) == SCHEMES
    assert {"type": "apiKey", "in": "header", "name": "X-API-Key"}.items() <= schemes["apiKeyAuth"].items()
    assert {"type": "http", "scheme": "bearer"}.items() <= schemes["bearerAuth"].items()
    assert {"type": "apiKey", "in": "cookie", "name": "sessionid"}.items() <= schemes["cookieAuth"].items()


def test_a_kind_that_is_off_is_no_scheme(document, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key"]}
    found = document()
    assert sorted(found["components"]["securitySchemes"]) == ["apiKeyAuth", "bearerAuth"]
    assert found["paths"]["/read-only/"]["get"]["security"] == [
        {"apiKeyAuth": ["docs:read"]},
        {"bearerAuth": ["docs:read"]},
    ]


def test_an_operation_names_its_scopes(document):
    delete = document()["paths"]["/documents/{id}/"]["delete"]
    assert delete["security"] == [{name: ["docs:delete"]} for name in SCHEMES]
    assert delete["x-required-access"] == {
        "requirement": 'HasScope("docs:delete") & HasRole("editor")',
        "scopes": ["docs:delete"],
        "roles": ["editor"],
        "public": False,
    }
    assert '**Access:** `HasScope("docs:delete") & HasRole("editor")`' in delete["description"]


def test_openapi_3_0_which_forbids_it_names_none_in_the_security_but_beside_it(document):
    get = document("3.0.3")["paths"]["/read-only/"]["get"]
    assert get["security"] == [{name: []} for name in SCHEMES]
    assert get["x-required-access"]["scopes"] == ["docs:read"]


def test_a_public_operation_has_no_security_and_no_refusals(document):
    get = document()["paths"]["/open/"]["get"]
    assert "security" not in get
    assert not {"401", "403"} & set(get["responses"])
    assert get["x-required-access"]["public"] is True


def test_a_function_view_and_an_action_are_described_as_well(document):
    paths = document()["paths"]
    assert paths["/report/"]["get"]["x-required-access"]["scopes"] == ["reports:read"]
    assert paths["/documents/{id}/publish/"]["post"]["x-required-access"]["requirement"].endswith("HasMFA(max_age=300)")


def test_an_undeclared_operation_is_said_to_be_closed(document):
    get = document()["paths"]["/undeclared/"]["get"]
    assert "nothing is declared: closed" in get["description"]
    assert "x-required-access" not in get


def test_refusals_have_the_shape_of_our_errors(document, make_user, make_key, client_of):
    found = document()
    responses = found["paths"]["/read-only/"]["get"]["responses"]
    for code in ("401", "403"):
        assert responses[code]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}
    live = client_of(make_key(make_user("ann"))).get("/read-only/").json()
    refusal = found["components"]["schemas"]["Refusal"]
    assert set(refusal["required"]) <= set(live) <= set(refusal["properties"])


def test_the_plain_schema_class_still_has_our_schemes(document):
    get = document(schema_class="drf_spectacular.openapi.AutoSchema")["paths"]["/read-only/"]["get"]
    assert get["security"] == [{name: ["docs:read"]} for name in SCHEMES]


def test_a_declaration_of_a_bad_form_breaks_no_document(document, monkeypatch):
    monkeypatch.setattr(views.Open, "access", 7)
    assert "**Access:** nothing is declared" in document()["paths"]["/open/"]["get"]["description"]


@pytest.mark.parametrize("method", ["post", "rotate"])
def test_the_answers_about_new_keys_are_those_that_are_given(document, method, make_user, make_key, client_of):
    found = document()
    client = client_of(issued := make_key(make_user("ann", "docs:read"), "docs:read"))
    if method == "post":
        operation, code = found["paths"]["/access/keys/"]["post"], 201
        answer = client.post("/access/keys/", {"name": "ci", "scopes": ["docs:read"]})
    else:
        operation, code = found["paths"]["/access/keys/{id}/rotate/"]["post"], 200
        answer = client.post(f"/access/keys/{issued.key.pk}/rotate/", {"grace": "0"})
    assert answer.status_code == code
    reference = operation["responses"][str(code)]["content"]["application/json"]["schema"]["$ref"]
    component = found["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(component["required"]) <= set(answer.json()) <= set(component["properties"])
    assert keys.APIKey.objects.exists()


def test_the_request_of_a_rotation_is_its_own(document):
    operation = document()["paths"]["/access/keys/{id}/rotate/"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Rotation"
    }


# -- the token endpoints

TOKEN = "/access/token/"


@pytest.mark.parametrize("url", [TOKEN, f"{TOKEN}refresh/", f"{TOKEN}revoke/"])
def test_logging_in_asks_for_no_credential(document, url):
    post = document()["paths"][url]["post"]
    assert "security" not in post
    assert set(post["requestBody"]["content"]) == {"application/json", "application/x-www-form-urlencoded"}
    assert {"200", "400", "403"} <= set(post["responses"])


def test_introspection_names_its_scope(document):
    post = document()["paths"][f"{TOKEN}introspect/"]["post"]
    assert {"bearerAuth": ["tokens:introspect"]} in post["security"]


def properties(found, reference):
    return found["components"]["schemas"][reference["$ref"].rpartition("/")[2]]["properties"]


def described(found, path, method, status="200"):
    return properties(found, found["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"])


def test_the_answers_of_the_token_endpoints_have_the_members_that_are_described(
    document, client_of, make_user, make_key
):
    found = document()
    make_user("ann", "docs:read")
    client = APIClient()
    tokens = client.post(TOKEN, {"username": "ann", "password": "secret"}).json()
    in_cookie = client.post(TOKEN, {"username": "ann", "password": "secret", "delivery": "cookie"}).json()
    assert set(tokens) | set(in_cookie) == set(described(found, TOKEN, "post"))
    refused = client.post(TOKEN, {}).json()
    assert set(refused) <= set(described(found, TOKEN, "post", "400"))
    asking = client_of(make_key(make_user("server", "tokens:introspect"), "tokens:introspect"))
    told = asking.post(f"{TOKEN}introspect/", {"token": tokens["access_token"]}).json()
    assert set(told) | {"cnf"} == set(described(found, f"{TOKEN}introspect/", "post"))
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    assert set(client.get("/access/sessions/current/").json()) == set(described(found, "/access/sessions/{id}/", "get"))
    assert set(client.delete("/access/sessions/").json()) == set(described(found, "/access/sessions/", "delete"))


def test_no_description_says_that_a_password_or_a_token_sent_in_comes_back(document):
    schemas = document()["components"]["schemas"]
    for schema, member in (("Login", "password"), ("Refresh", "refresh_token"), ("Token", "token")):
        assert schemas[schema]["properties"][member]["writeOnly"] is True


def test_bearer_is_described_by_what_is_taken_as_bearer(document, settings):
    def told():
        return document()["components"]["securitySchemes"]

    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["jwt", "basic"]}
    assert sorted(told()) == ["basicAuth", "bearerAuth"]
    assert told()["basicAuth"]["scheme"] == "basic"
    assert "an access token" in told()["bearerAuth"]["description"]
    assert "API key" not in told()["bearerAuth"]["description"]


POLYMORPHIC = {"LoginRefusal": {"MFARequired", "Refusal"}, "StepUpAnswer": {"StepUpBegun", "FactorStarted"}}


@pytest.mark.parametrize(
    ("path", "method", "operation", "status", "component"),
    [
        ("/access/token/", "post", "access_token_create", "403", "LoginRefusal"),
        ("/access/token/passkey/", "post", "access_token_passkey", "200", "PasskeyLoginStarted"),
        ("/access/token/mfa/verify/", "post", "access_mfa_verify", "200", "Tokens"),
        ("/access/mfa/step-up/", "post", "access_step_up", "200", "StepUpAnswer"),
        ("/access/mfa/methods/", "get", "access_mfa_methods_list", "200", "SecondFactors"),
        ("/access/mfa/methods/{factor_id}/", "patch", "access_mfa_methods_rename", "200", "SecondFactor"),
        ("/access/mfa/methods/{factor_id}/", "delete", "access_mfa_methods_remove", "409", "Refusal"),
        ("/access/mfa/totp/", "post", "access_mfa_totp", "201", "NewAuthenticatorApp"),
        (
            "/access/mfa/webauthn/{factor_id}/confirm/",
            "post",
            "access_mfa_webauthn_confirm",
            "201",
            "SecondFactorAdded",
        ),
        ("/access/mfa/recovery-codes/", "post", "access_mfa_recovery_codes_make", "201", "RecoveryCodes"),
        ("/access/mfa/trusted-devices/", "delete", "access_mfa_trusted_devices_end_all", "204", None),
        ("/access/mfa/trusted-devices/{device_id}/", "delete", "access_mfa_trusted_devices_end", "204", None),
    ],
)
def test_log_in_and_second_factors_say_what_they_answer(document, path, method, operation, status, component):
    found = document()
    described = found["paths"][path][method]
    assert described["operationId"] == operation
    content = described["responses"][status].get("content")
    if component is None:
        assert content is None
        return
    assert content["application/json"]["schema"] == {"$ref": f"#/components/schemas/{component}"}
    if component in POLYMORPHIC:
        schemas = found["components"]["schemas"][component]["oneOf"]
        assert {schema["$ref"].rpartition("/")[2] for schema in schemas} == POLYMORPHIC[component]


def test_adding_a_factor_may_come_without_a_header_and_nothing_else_may(document):
    open_ones = {
        path
        for path, operations in document()["paths"].items()
        for described in operations.values()
        if path.startswith("/access/mfa/") and {} in described["security"]
    }
    assert open_ones == {
        f"/access/mfa/{kind}/{rest}" for kind in ("totp", "sms", "webauthn") for rest in ("", "{factor_id}/confirm/")
    }


def test_no_operation_id_comes_twice(document):
    ids = [described["operationId"] for operations in document()["paths"].values() for described in operations.values()]
    assert len(ids) == len(set(ids))
