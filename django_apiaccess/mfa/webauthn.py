"""Passkeys and security keys (WebAuthn), on the models of django-otp-webauthn and the checks of py_webauthn.

User verification is always demanded, of the browser and of the answer: that is what makes a passkey two factors in one, and the only way
in which biometrics are used here (ASVS 6.5.7). What the browser must answer is kept by us, for one use.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any, Final

from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from .. import notifications
from ..authn.client import where_of
from ..conf import access_settings
from ..core.reasons import Reason
from ..events.record import refused
from ..events.source import Actor
from ..events.tags import Action
from . import errors
from .methods import FactorRef, Proven, Response
from .models import MFAChallenge

APP: Final = "django_otp_webauthn"
ACR: Final = "phr"
MAX_NAME: Final = 64
MAX_ID: Final = 1023
"""Bytes of a credential's id (WebAuthn level 3, section 4)."""
logger: Final = logging.getLogger("django_apiaccess")


class WebAuthnMethod:
    """A passkey or a security key."""

    type = "webauthn"

    def available(self) -> bool:
        return apps.is_installed(APP) and bool(
            _setting("OTP_WEBAUTHN_RP_ID") or _setting("OTP_WEBAUTHN_RP_ID_CALLABLE")
        )

    def factors(self, user: Any) -> list[FactorRef]:
        return [ref(credential) for credential in credentials().filter(user=user, confirmed=True).order_by("pk")]

    def begin(self, challenge: MFAChallenge, factor: FactorRef | None, request: Any) -> dict[str, Any]:
        """The options for `navigator.credentials.get`. Without a user any passkey of this site may answer."""
        options, state = helper(request).authenticate_begin(challenge.user, require_user_verification=True)
        put_state(challenge, state)
        return {"options": options}

    def verify(self, challenge: MFAChallenge, factor: FactorRef | None, response: Response) -> Proven | None:
        state = take_state(challenge)
        if state is None or response.credential is None:
            return None
        credential = _checked(challenge, state, response)
        if credential is None:
            return None
        method = "swk" if credential.backup_eligible else "hwk"
        return Proven((method, "user"), ACR, user=credential.user)

    def remove(self, factor: FactorRef) -> None:
        factor.device.delete()

    def rename(self, factor: FactorRef, name: str) -> None:
        credentials().filter(pk=factor.device.pk).update(name=name)


def begin_registration(challenge: MFAChallenge, request: Any) -> dict[str, Any]:
    """The options for `navigator.credentials.create`, for the challenge's user."""
    options, state = helper(request).register_begin(challenge.user)
    put_state(challenge, state)
    return {"options": options}


def register(challenge: MFAChallenge, answer: Any, name: str, request: Any) -> Any:
    """Store the passkey that the browser made. Raises `WrongCode` when the answer does not fit."""
    state = take_state(challenge)
    if state is None:
        raise errors.WrongCode
    try:
        _require_top_level(answer["response"]["clientDataJSON"])
        with transaction.atomic():
            made = helper(request).register_complete(challenge.user, state, answer)
            if len(made.credential_id) > MAX_ID:
                raise errors.WrongCode
            credentials().filter(pk=made.pk).update(name=name[:MAX_NAME])
    except IntegrityError:
        raise errors.WrongCode("This passkey is registered already.") from None
    except Exception as problem:  # noqa: BLE001 - every parser of the library has errors of its own, for whatever a client may send
        logger.info("A WebAuthn registration was refused: %s", type(problem).__name__)
        raise errors.WrongCode from None
    made.name = name[:MAX_NAME]
    return made


def _checked(challenge: MFAChallenge, state: dict[str, Any], response: Response) -> Any:
    """The credential that made this answer to this state; None when it did not."""
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers import parse_authentication_credential_json
    from webauthn.helpers.structs import CredentialDeviceType

    helps = helper(response.request)
    try:
        _require_top_level(response.credential["response"]["clientDataJSON"])  # type: ignore[index]
        answer = parse_authentication_credential_json(response.credential)  # type: ignore[arg-type]
        sha256 = credentials().model.get_credential_id_sha256(answer.raw_id)
        credential = credentials().select_related("user").filter(credential_id_sha256=sha256, confirmed=True).first()
        if credential is None or not _is_of(challenge, credential, answer.response.user_handle):
            return None
        verified = verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(state["challenge"]),
            expected_rp_id=helps.get_relying_party_domain(),
            expected_origin=helps.get_allowed_origins(),
            credential_public_key=bytes(credential.public_key),
            credential_current_sign_count=0,  # compared below, by an update that no simultaneous use gets around
            require_user_verification=True,
        )
    except Exception as problem:  # noqa: BLE001 - as above
        logger.info("A WebAuthn answer was refused: %s", type(problem).__name__)
        return None
    if credential.backup_eligible != (verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE):
        logger.info("A WebAuthn answer was refused: what is said of its key changed since it was registered")
        return None
    return credential if _counted(credential, verified, response.request) else None


def _require_top_level(client_data: str) -> None:
    """Refuse what was made within another site's page (WebAuthn level 3, section 7.2 step 13). Raises `ValueError`."""
    from webauthn import base64url_to_bytes

    if json.loads(base64url_to_bytes(client_data)).get("crossOrigin"):
        raise ValueError("made in a frame of another site")


def _is_of(challenge: MFAChallenge, credential: Any, handle: bytes | None) -> bool:
    """Whether the passkey is of the user who is logging in; alone, it must say itself whose it is (the user handle)."""
    if challenge.user_id is not None and credential.user_id != challenge.user_id:
        return False
    if not handle:
        return challenge.user_id is not None
    return bool(
        apps.get_model(APP, "WebAuthnUserHandle")
        .objects.filter(user=credential.user_id, handle_hex=handle.hex())
        .exists()
    )


def _counted(credential: Any, verified: Any, request: Any) -> bool:
    """Move the sign count forward. One that does not move means that two devices hold the key: it is suspended (ASVS 6.7).

    A suspended passkey still counts as a factor that its user has (`policy`), so that the suspicion does not leave a password alone.
    """
    new = verified.new_sign_count
    used = {"sign_count": new, "last_used_at": timezone.now(), "backup_state": verified.credential_backed_up}
    mine = credentials().filter(pk=credential.pk, confirmed=True)
    newer = mine.filter(sign_count__lt=new) if new else mine.filter(sign_count=0)
    if newer.update(**used):
        return True
    if mine.update(confirmed=False):
        by = Actor.of_user(credential.user, where=where_of(request))
        refused(
            Action.PASSKEY_SUSPENDED,
            Reason.CLONE_SUSPECTED,
            by=by,
            outcome="failed",
            factor=credential_id(credential),
            severity="high",
        )
        notifications.notify(credential.user, "passkey_suspended", {"name": credential.name})
    return False


# -- what a browser must answer, once


def put_state(challenge: MFAChallenge, state: dict[str, Any]) -> None:
    """Keep what the browser's answer will be compared with; an earlier one is void."""
    challenge.state = {"challenge": state["challenge"], "require_user_verification": True}
    challenge.save(update_fields=["state"])


def take_state(challenge: MFAChallenge) -> dict[str, Any] | None:
    """That, used up: the second of two answers finds nothing."""
    state = challenge.state
    if not state:
        return None
    mine = MFAChallenge.objects.filter(pk=challenge.pk, state__challenge=state["challenge"])
    return state if mine.update(state=None) else None


# -- django-otp-webauthn


def credentials() -> Any:
    """The manager of the passkeys, in whatever model the project keeps them."""
    from django_otp_webauthn.utils import get_credential_model

    model: Any = get_credential_model()
    return model.objects


def is_passkey(model: Any) -> bool:
    """Whether it is the model in which the project keeps passkeys."""
    return apps.is_installed(APP) and model is credentials().model


def forget_suspended(user: Any) -> None:
    """Drop the suspended passkeys of the user, who has no other factor any more and says so."""
    if apps.is_installed(APP):
        credentials().filter(user=user, confirmed=False).delete()


def credential_id(credential: Any) -> str:
    """The id by which the outside knows a passkey."""
    return str(credential.credential_id_sha256[:22])


def ref(credential: Any) -> FactorRef:
    """How the outside sees a passkey."""
    hint = "synced" if credential.backup_eligible else "this device only"
    name = credential.name or "Passkey"
    return FactorRef(
        credential_id(credential),
        WebAuthnMethod.type,
        name,
        hint,
        credential.created_at,
        credential.last_used_at,
        credential,
    )


def helper(request: Any) -> Any:
    """The project's WebAuthn helper with our demands: user verification, confirmed passkeys only, and localhost while DEBUG."""
    from django.utils.module_loading import import_string
    from webauthn.helpers.structs import ResidentKeyRequirement, UserVerificationRequirement

    base: Any = import_string(_setting("OTP_WEBAUTHN_HELPER_CLASS"))

    class Strict(base):  # type: ignore[misc]
        def get_generate_registration_options_kwargs(self, *, user: Any) -> dict[str, Any]:
            kwargs: dict[str, Any] = super().get_generate_registration_options_kwargs(user=user)
            kwargs["authenticator_selection"] = replace(
                kwargs["authenticator_selection"],
                user_verification=UserVerificationRequirement.REQUIRED,
                resident_key=ResidentKeyRequirement.PREFERRED,
            )
            return kwargs

        def get_generate_authentication_options_kwargs(
            self, *, user: Any = None, require_user_verification: bool
        ) -> dict[str, Any]:
            kwargs: dict[str, Any] = super().get_generate_authentication_options_kwargs(
                user=user, require_user_verification=require_user_verification
            )
            if user is not None:
                recent = (
                    credentials().filter(user=user, confirmed=True).order_by(F("last_used_at").desc(nulls_last=True))
                )
                kwargs["allow_credentials"] = recent.as_credential_descriptors()
            return kwargs

        def get_relying_party_name(self) -> str:
            return str(super().get_relying_party_name() or self.get_relying_party_domain())

        def get_allowed_origins(self) -> list[str]:
            origins = list(super().get_allowed_origins())
            host = self.request.get_host()
            if access_settings.debug and host.partition(":")[0] == self.get_relying_party_domain() == "localhost":
                origins.append(f"http://{host}")
            return origins

    return Strict(request)


def _setting(name: str) -> Any:
    from django_otp_webauthn.settings import app_settings

    return getattr(app_settings, name)
