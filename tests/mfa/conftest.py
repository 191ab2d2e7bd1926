"""What the tests of second factors share."""

from tests.mfa.fixtures import *  # noqa: F403
