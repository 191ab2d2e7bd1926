"""System checks as a whole: the defaults pass, every id is unique and documented, nothing ever raises."""

import re
from pathlib import Path

import pytest
from django.core.checks import Error, Tags, Warning, registry  # noqa: A004
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_apiaccess import checks
from django_apiaccess.check_ids import CheckId
from tests.checking import Declared, found, view

pytestmark = pytest.mark.usefixtures("clean_project")

DOCS = Path(__file__).resolve().parent.parent / "docs" / "reference" / "checks.md"


def test_a_sound_project_has_no_message():
    assert found() == {}


def test_the_defaults_are_no_error():
    with override_settings(API_ACCESS={}):
        assert [message for message in found().values() if message.level >= Error("").level] == []


def test_the_example_of_the_readme_has_no_message_in_debug():
    with override_settings(API_ACCESS={}, DEBUG=True):
        assert found() == {}


def test_every_id_is_used_once_and_has_the_form_of_its_level():
    values = [check_id.value for check_id in CheckId]
    assert len(values) == len(set(values))
    assert all(re.fullmatch(r"apiaccess\.[EW][0-9]{3}", value) for value in values)


def test_every_id_is_documented_and_no_other():
    documented = set(re.findall(r"^\| `(apiaccess\.[EW][0-9]{3})` \|", DOCS.read_text(), re.MULTILINE))
    assert documented == {check_id.value for check_id in CheckId}


def test_every_check_is_registered_under_the_security_tag():
    ours = {check.__name__ for check in registry.registry.get_checks(True) if Tags.security in check.tags}
    assert {check.__name__ for check in (*checks.CHECKS, *checks.DEPLOY_CHECKS)} <= ours


def test_every_message_says_what_to_do():
    with override_settings(
        API_ACCESS=[], AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"], MIDDLEWARE=[]
    ):
        for message in found(deploy=True).values():
            assert message.hint
            assert message.msg


def test_no_check_asks_the_database(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        found(deploy=True)


def test_a_check_that_fails_is_a_message_and_hides_no_other(urls):
    class Broken(Declared):
        @classmethod
        def get_extra_actions(cls):
            raise RuntimeError("no list today")

    urls(Broken.as_view(), view(access="dcos:read"))
    messages = found()
    assert "no list today" in messages["apiaccess.W099"].msg
    assert "apiaccess.E021" in messages


@pytest.mark.parametrize(
    "value", [[], "x", 7, None, {"PEPPERS": 3}, {"TRUSTED_PROXIES": ["nonsense"]}, {"EVENTS": []}, {7: 7}]
)
def test_no_value_of_the_setting_makes_a_check_raise(value):
    with override_settings(API_ACCESS=value):
        assert "apiaccess.W099" not in found(deploy=True)


def test_the_levels_are_those_of_the_ids():
    with override_settings(API_ACCESS={"KEY_PREFX": 1}, AUTHENTICATION_BACKENDS=[]):
        for check_id, message in found(deploy=True).items():
            assert isinstance(message, Error if ".E" in check_id else Warning)


def test_the_check_command_fails_on_an_error_and_prints_the_hint():
    with (
        override_settings(API_ACCESS={"KEY_PREFX": 1}),
        pytest.raises(SystemCheckError, match="Did you mean 'KEY_PREFIX'"),
    ):
        call_command("check", tags=["apiaccess"])
