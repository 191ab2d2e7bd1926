"""What the tests of the pages share."""

import pytest
from django.test import Client

from tests.mfa.factors import HOME
from tests.mfa.fixtures import *  # noqa: F403


@pytest.fixture
def tab(db):
    """A browser, without its looks."""
    return Client(REMOTE_ADDR=HOME, HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36")


@pytest.fixture
def required(mfa):
    """Staff must have a second factor, at once."""
    mfa(REQUIRED_FOR=["staff"], GRACE="0s")
