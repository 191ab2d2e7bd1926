"""The test suite's settings with django-unfold as the admin."""

from tests.settings import *

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]
