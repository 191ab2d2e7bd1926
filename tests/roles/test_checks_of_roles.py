"""Checks of the backend and of the declared scopes."""

import pytest
from django.test import override_settings

from django_apiaccess import declare_scope
from django_apiaccess.core.scopes import registry as scopes
from tests.checking import found, ids

pytestmark = pytest.mark.usefixtures("clean_project")


def test_the_backend_must_be_there_and_should_be_first():
    model = "django.contrib.auth.backends.ModelBackend"
    with override_settings(AUTHENTICATION_BACKENDS=[model]):
        assert ids() == {"apiaccess.E011"}
    with override_settings(AUTHENTICATION_BACKENDS=[model, "django_apiaccess.backends.AccessBackend"]):
        assert ids() == {"apiaccess.W010"}


def test_a_scope_that_implies_an_unknown_one_is_an_error_that_names_the_nearest():
    declare_scope("docs:print", "Print", implies=["docs:raed"])
    try:
        assert "Did you mean 'docs:read'?" in found()["apiaccess.E020"].msg
    finally:
        scopes.forget("docs:print")


def test_a_scope_that_opens_a_permission_of_no_model_is_warned_of():
    declare_scope("docs:print", "Print", permissions=["testapp.view_documnet"])
    try:
        assert found()["apiaccess.W020"].hint == "Did you mean 'testapp.view_document'?"
    finally:
        scopes.forget("docs:print")
