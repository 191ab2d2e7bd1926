"""The README's project without the extra `webauthn`: neither django-otp-webauthn nor what it stands on can be imported.

MFA_METHODS: JSON of `MFA["METHODS"]`, null without it. Run as `python -m tests.projects.no_passkeys` it shows what is offered.
"""

import json
import os
import sys
from importlib.abc import MetaPathFinder

from tests import settings
from tests.projects.variant import variant_database
from tests.settings import *  # noqa: F403 - settings build on others

ABSENT = {"cbor2", "django_otp_webauthn", "webauthn"}


class Absent(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, Absent())

INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app not in ABSENT]
API_ACCESS = {
    "PEPPERS": ["DLBGTDn4sNm0XBJBSn7cUiFeLMX7Tm86vVArpFYY4C6ioFXz"],
    "MFA": {"METHODS": json.loads(os.environ.get("MFA_METHODS", "null"))},
}
DATABASES = {"default": variant_database()}


def show():
    """Log-ins and enrolments, as far as they get."""
    from django.contrib.auth import get_user_model
    from django.core import checks
    from django.core.management import call_command
    from rest_framework.test import APIClient

    from django_apiaccess.mfa import enrolment, policy

    call_command("migrate", verbosity=0)
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
    ann = get_user_model().objects.create_user("ann", password="secret")
    client = APIClient()
    token = client.post("/access/token/", {"username": "ann", "password": "secret"}).json()["access_token"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answers = {
        "offered": client.get("/access/mfa/methods/").json()["available"],
        "registration": client.post("/access/mfa/webauthn/", {}).json()["code"],
        "confirmation": client.post("/access/mfa/webauthn/x/confirm/", {"credential": {}}).json()["code"],
        "alone": APIClient().post("/access/token/passkey/", {}).json()["code"],
        "checks": [f"{found.id} {found.msg} {found.hint}" for found in checks.run_checks(tags=["apiaccess"])],
    }
    new = enrolment.begin_totp(ann)
    ann_has = policy.has_second_factor(ann)
    from django_apiaccess.mfa.models import TOTPFactor

    TOTPFactor.objects.filter(uid=new.id).update(confirmed=True)
    begun = client.post("/access/token/", {"username": "ann", "password": "secret"}).json()
    again = {"mfa_token": begun["mfa_token"], "method": "webauthn", "credential": {}}
    enrolment.remove_all(ann)
    return {
        **answers,
        "has": [ann_has, policy.has_second_factor(ann)],
        "asked": [method["type"] for method in begun["methods"]],
        "verify": APIClient().post("/access/token/mfa/verify/", again).json()["code"],
    }


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.projects.no_passkeys"
    django.setup()
    sys.stdout.write(json.dumps(show()))
