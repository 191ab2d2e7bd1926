"""Amazon SNS, with boto3 (extra `sns`)."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from .base import SendResult, SMSError, SMSGateway
from .silence import silence

ID: Final = re.compile(r"[0-9a-f-]{16,64}")
CODE: Final = re.compile(r"[A-Za-z.]{1,60}")
PERMANENT: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "OptedOut", "OptInRequired"})
"""What SNS answers to a number that it cannot send to, or whose owner said stop. A sender that is wrong is refused when it is set up."""


class SNSGateway(SMSGateway):
    """Publishes straight to the number, as a transactional message. Credentials are found as boto3 finds them (role, environment, profile).

    `sender_id`: up to 11 letters, where the country allows one. `origination_number`: one of yours, in E.164.
    """

    provider = "sns"
    requires = ("boto3", "sns")

    def __init__(
        self,
        *,
        region: str,
        sender_id: str = "",
        origination_number: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
        endpoint_url: str = "",
        timeout: float = 5.0,
    ) -> None:
        if sender_id and not re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9-]{1,11}", sender_id):
            raise ValueError("sender_id must be 1 to 11 letters, digits and hyphens, with one letter at least")
        if bool(access_key_id) != bool(secret_access_key):
            raise ValueError("give access_key_id and secret_access_key, or neither")
        self._options: dict[str, Any] = {
            "region_name": region,
            "aws_access_key_id": access_key_id or None,
            "aws_secret_access_key": secret_access_key or None,
            "endpoint_url": endpoint_url or None,
        }
        self._timeout = timeout
        self._attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        for name, value in (("AWS.SNS.SMS.SenderID", sender_id), ("AWS.MM.SMS.OriginationNumber", origination_number)):
            if value:
                self._attributes[name] = {"DataType": "String", "StringValue": value}
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def weaknesses(self) -> tuple[str, ...]:
        return ("endpoint_url",) if (self._options["endpoint_url"] or "").startswith("http://") else ()

    @sensitive_variables("to", "body")
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        with silence():
            code, answer = self._publish(to, body)
        if code:
            permanent = code in PERMANENT
            what = "sends nothing to this number" if permanent else "did not take the message"
            raise SMSError(
                f"The SMS gateway sns {what} ({code}).", temporary=not permanent, provider=self.provider, code=code
            )
        name = answer.get("MessageId")
        if not isinstance(name, str) or not ID.fullmatch(name):
            raise SMSError(
                "The SMS gateway sns gave an answer that cannot be understood.",
                temporary=True,
                provider=self.provider,
                code="broken_answer",
            )
        return SendResult(name, self.provider, "sent")

    @sensitive_variables("to", "body")
    def _publish(self, to: str, body: str) -> tuple[str, dict[str, Any]]:
        """The code of the error, or nothing, and the answer. No error of botocore's leaves it: their texts repeat parameters."""
        from botocore.exceptions import ClientError

        try:
            answer = self._connected().publish(PhoneNumber=to, Message=body, MessageAttributes=self._attributes)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            return (code if CODE.fullmatch(code) else "error"), {}
        except Exception as error:  # noqa: BLE001 - no credentials, no answer in time, one that cannot be read: botocore has no common base
            return type(error).__name__, {}
        return "", answer

    def _connected(self) -> Any:
        """The client, made at the first message: it takes a tenth of a second, and making several at once is not safe."""
        import boto3
        from botocore.config import Config

        with self._lock:
            if self._client is None:
                config = Config(
                    connect_timeout=self._timeout, read_timeout=self._timeout, retries={"total_max_attempts": 1}
                )
                self._client = boto3.session.Session().client("sns", config=config, **self._options)
            return self._client
