"""Passwords that proved right a moment ago, so that HTTP Basic does not pay for a slow hash at each request.

Kept in the process, for seconds, under a key that only this process has: what is remembered is a MAC over the account, the password and the
*stored hash*, so a changed password is forgotten at once, by every worker, and nothing here can be turned back into a password.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections import OrderedDict
from typing import Final

SECONDS: Final = 60.0
SIZE: Final = 10_000


class PasswordMemory:
    """Remembers MACs of right passwords."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def mac(self, username: str, password: str, stored: str) -> bytes:
        """What stands for a right password. Parts are length-prefixed, so that no two triples give the same text."""
        parts = (part.encode(errors="surrogatepass") for part in (username, password, stored))
        text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)

    def knows(self, mac: bytes) -> bool:
        """Whether it was right within the last `SECONDS`."""
        with self._lock:
            since = self._seen.get(mac)
            return since is not None and time.monotonic() - since < SECONDS

    def remember(self, mac: bytes) -> None:
        with self._lock:
            self._seen[mac] = time.monotonic()
            self._seen.move_to_end(mac)
            while len(self._seen) > SIZE:
                self._seen.popitem(last=False)

    def clear(self) -> None:
        """Forget everything (for tests)."""
        with self._lock:
            self._seen.clear()


memory: Final = PasswordMemory()
