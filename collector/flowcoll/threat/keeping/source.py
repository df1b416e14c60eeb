"""Where a list is downloaded from, and as whom; with it the names of the options that say so, for those who read errors."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from flowcoll.options.types import without_credentials

KEY_PLACE = "{password}"
"""Stands in an address where the key belongs: some servers take it nowhere else, and an address is shown."""


class Names(NamedTuple):
    """What the options are called that a source is made of."""

    url: str
    user: str
    key: str
    header: str  # empty where there is no such option
    timeout: str
    proxy: str
    ca_file: str
    skip_verification: str


@dataclass(frozen=True)
class Source:
    """Address, account, way to it, and how long a download may take."""

    url: str = field(repr=False)  # may hold an account
    names: Names
    user: str = ""
    key: str = field(default="", repr=False)
    header: str = field(default="", repr=False)  # name: value
    timeout_s: float = 30
    proxy: str = field(default="", repr=False)  # empty: that of the environment
    ca_file: Path | None = None
    skip_verification: bool = False
    owner: str = ""  # whose server it is, where errors have words for it

    @property
    def asked(self) -> str:
        """The address as it is asked for: it may hold the key."""
        return self.url.replace(KEY_PLACE, quote(self.key, safe=""))

    @property
    def key_in_url(self) -> bool:
        """Whether the key goes with the address, and not as a password."""
        return KEY_PLACE in self.url

    @property
    def shown(self) -> str:
        """The address as people may see it."""
        return without_credentials(self.url)

    @property
    def place(self) -> str:
        """The host of the address."""
        return urlsplit(self.url).hostname or ""

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return is_here(self.url)

    @property
    def in_clear(self) -> bool:
        """Whether a key goes over a network unencrypted."""
        secret = self.user or self.key or self.header or urlsplit(self.url).password
        return bool(secret) and urlsplit(self.url).scheme == "http" and not self.here

    @property
    def unverified(self) -> bool:
        """Whether whoever answers is believed."""
        return self.skip_verification and urlsplit(self.url).scheme == "https"


def is_here(url: str) -> bool:
    """Tell whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.[0-9]+){3}", host))
