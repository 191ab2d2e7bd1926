"""What a browser calls itself, in words for a list: "Firefox on Windows"."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
"""More special ones first: nearly all browsers name others too."""


def in_words(device: str) -> str:
    """A device as its owner knows it. What a client said itself stays as it is, but for the long names of browsers."""
    if not device.startswith("Mozilla/"):
        return device[:60]
    browser = next((name for mark, name in BROWSERS if mark in device), _("A browser"))
    system = next((name for mark, name in SYSTEMS if mark in device), "")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
