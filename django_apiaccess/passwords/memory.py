"""Passwords that proved right a moment ago, so that HTTP Basic does not pay for a slow hash at each request.

Kept in the process, for seconds, under a key that only this process has: what is remembered is a MAC over account, network of the client,
password and the *stored hash*, so a changed password is forgotten at once, by every worker, and nothing here can be turned back into a
password. A wrong password from the same network makes the process forget the right one: whoever guesses beside its owner finds no way
around the limits of `authn.failures`.
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
    """Remembers, for an account and a network, the MAC of the password that proved right."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._seen: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def _mac(self, *parts: str) -> bytes:
        """Parts are length-prefixed, so that no two lists of parts give the same text."""
        encoded = (part.encode(errors="surrogatepass") for part in parts)
        text = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
        return hmac.digest(self._key, text, hashlib.sha256)

    def knows(self, username: str, network: str, password: str, stored: str) -> bool:
        """Whether it was right within the last `SECONDS`. When it was another one, that is forgotten."""
        place = self._mac(username, network)
        with self._lock:
            found = self._seen.get(place)
            if found is None:
                return False
            if time.monotonic() - found[0] < SECONDS and hmac.compare_digest(found[1], self._mac(password, stored)):
                return True
            del self._seen[place]
            return False

    def remember(self, username: str, network: str, password: str, stored: str) -> None:
        """It has just proved right."""
        place = self._mac(username, network)
        with self._lock:
            self._seen[place] = (time.monotonic(), self._mac(password, stored))
            self._seen.move_to_end(place)
            while len(self._seen) > SIZE:
                self._seen.popitem(last=False)

    def clear(self) -> None:
        """Forget everything (for tests)."""
        with self._lock:
            self._seen.clear()


memory: Final = PasswordMemory()
