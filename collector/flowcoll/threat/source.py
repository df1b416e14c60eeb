"""Where PassiveTotal's list is, and whose account it is asked for with."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from flowcoll.config import Options
from flowcoll.options.types import without_credentials

_PREFIX = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
ENABLE = _PREFIX + "THREAT_ENABLE"
ENDPOINT = _PREFIX + "THREAT_ENDPOINT"
REFRESH_INTERVAL = _PREFIX + "THREAT_REFRESH_INTERVAL"
API_USER = _PREFIX + "API_USER"
API_KEY = _PREFIX + "API_KEY"
API_TIMEOUT = _PREFIX + "API_TIMEOUT"


@dataclass(frozen=True)
class Source:
    """Address and account of the list, how long a download may take, and how often it is done."""

    url: str
    user: str
    key: str = field(repr=False)
    timeout_s: float
    interval_s: float

    @classmethod
    def of(cls, options: Options) -> Self | None:
        """Give the source that the options name, or None when it is off."""
        if not options[ENABLE]:
            return None
        interval_s = 60 * options[REFRESH_INTERVAL]
        return cls(options[ENDPOINT], options[API_USER], options[API_KEY], options[API_TIMEOUT], interval_s)

    @property
    def shown(self) -> str:
        """The address as people may see it."""
        return without_credentials(self.url)

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        host = urlsplit(self.url).hostname or ""
        return host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.[0-9]+){3}", host))

    @property
    def in_clear(self) -> bool:
        """Whether the key goes over a network unencrypted."""
        return urlsplit(self.url).scheme == "http" and not self.here
