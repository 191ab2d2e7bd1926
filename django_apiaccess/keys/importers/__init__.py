"""Keys from other packages, read from their tables: the package itself need not be installed."""

from __future__ import annotations

from typing import Final

from .drf_api_key import DRFAPIKey
from .drf_authtoken import DRFAuthToken
from .knox import Knox
from .source import Source

SOURCES: Final[dict[str, type[Source]]] = {"drf-api-key": DRFAPIKey, "drf-authtoken": DRFAuthToken, "knox": Knox}
