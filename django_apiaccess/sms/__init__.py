"""Text messages: gateways that send them, numbers that may get them. `get_gateway().send(to, body, purpose="login")`.

A gateway is chosen as Django's e-mail backend is, by its dotted path in `API_ACCESS["MFA"]["SMS_GATEWAY"]`. What is sent, to whom and how
often, others decide.
"""

from __future__ import annotations

from .base import SendResult, SMSError, SMSGateway
from .build import get_gateway
from .numbers import InvalidNumber, PhoneNumber, mask, parse_number

__all__ = [
    "InvalidNumber",
    "PhoneNumber",
    "SMSError",
    "SMSGateway",
    "SendResult",
    "get_gateway",
    "mask",
    "parse_number",
]
