"""The test suite's settings with django-unfold as the admin."""

from tests import settings as plain

globals().update({name: value for name, value in vars(plain).items() if name.isupper()})
INSTALLED_APPS = ["unfold", *plain.INSTALLED_APPS]
