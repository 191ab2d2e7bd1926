"""What the tests of logging in share with those of second factors."""

from tests.mfa.fixtures import *  # noqa: F403
