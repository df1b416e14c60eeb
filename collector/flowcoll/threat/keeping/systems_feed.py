"""PassiveTotal's list of autonomous systems: fetched and kept as its list of threats is, and no list of threats."""

from dataclasses import dataclass

from flowcoll.config import Options
from flowcoll.threat.keeping.feed import Feed, passivetotal_source
from flowcoll.threat.keeping.kinds import KINDS

SYSTEMS = "riskiq-asn"
"""Its name; no list of one's own has a hyphen in its name."""

STATE = "riskiq_asn"
"""What its state is called."""

_OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_ASN_"


@dataclass(frozen=True)
class SystemsFeed(Feed):
    """The feed of the list."""

    @property
    def says(self) -> str:
        """How every line of the log about this list begins."""
        return "RiskIQ ASN:"

    @property
    def state_name(self) -> str:
        """What its state is called."""
        return STATE

    @property
    def what(self) -> str:
        """What is in it, for the log."""
        return "ASN"

    @property
    def threats(self) -> bool:
        """Whether addresses are matched against it."""
        return False


def systems_feeds(options: Options) -> tuple[Feed, ...]:
    """Give the list if it is enabled."""
    if not options[_OPTION + "ENABLE"]:
        return ()
    source = passivetotal_source(options, _OPTION + "ENDPOINT")
    interval_s = 60.0 * options[_OPTION + "REFRESH_INTERVAL"]
    return (SystemsFeed(SYSTEMS, KINDS["auto"], (source,), None, interval_s=interval_s),)
