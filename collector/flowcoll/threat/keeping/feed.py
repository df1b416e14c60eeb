"""The lists that options ask for: PassiveTotal's, and those of one's own, downloaded or in a file."""

from dataclasses import dataclass
from pathlib import Path

from flowcoll.config import Options, ThreatListOptions
from flowcoll.errors import ConfigError
from flowcoll.options.groups import THREAT
from flowcoll.threat.keeping.kinds import KINDS, Kind, owner_of
from flowcoll.threat.keeping.source import Names, Source

RISKIQ = "riskiq"
PASSIVETOTAL = "PassiveTotal"
_RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
_RISKIQ_NAMES = Names(
    url=_RISKIQ + "THREAT_ENDPOINT",
    user=_RISKIQ + "API_USER",
    key=_RISKIQ + "API_KEY",
    header="",
    timeout=_RISKIQ + "API_TIMEOUT",
    proxy=_RISKIQ + "API_PROXY",
    ca_file=_RISKIQ + "API_TLS_CA_CERT_FILEPATH",
    skip_verification=_RISKIQ + "API_TLS_SKIP_VERIFICATION",
)


@dataclass(frozen=True)
class Feed:
    """One list that is enabled: where it comes from, and what is said of it as a whole."""

    name: str
    kind: Kind
    sources: tuple[Source, ...]
    """What is downloaded, all of it; the lists are one. None: it is in a file."""
    path: Path | None
    label: str = ""
    confidence: int | None = None
    interval_s: float = 86_400
    inclexcl_path: Path | None = None

    @property
    def says(self) -> str:
        """How every line of the log about this list begins."""
        return "RiskIQ Threats:" if self.name == RISKIQ else f"Threats {self.name}:"

    @property
    def state_name(self) -> str:
        """What its state is called."""
        return f"threat_{self.name}"

    @property
    def what(self) -> str:
        """What is in it, for the log."""
        return "Threat"

    @property
    def threats(self) -> bool:
        """Whether addresses are matched against it."""
        return True

    @property
    def shortest_s(self) -> float:
        """The least time between two downloads that its owner allows: after a failure, and over a restart, too."""
        return 60.0 * max((owner.shortest_minutes for owner in self.owners), default=0)

    @property
    def owners(self) -> tuple[Kind, ...]:
        """Whose rules count for its addresses."""
        return tuple(owner for source in self.sources if (owner := owner_of(source.url)))

    @property
    def option(self) -> str:
        """The option that says where the list is, for those who read errors."""
        if self.sources:
            return self.sources[0].names.url
        return option_of(self.name, "PATH")


def feeds_of(options: Options) -> tuple[Feed, ...]:
    """Give every list that is enabled, PassiveTotal's first, others by name; ConfigError for one that is nowhere."""
    passivetotal = (_passivetotal(options),) if options[_RISKIQ + "THREAT_ENABLE"] else ()
    own = sorted((feed_of(each) for each in options.threat_lists if each.enable), key=lambda feed: feed.name)
    return (*passivetotal, *own)


def passivetotal_source(options: Options, endpoint: str) -> Source:
    """Give the source of a list of PassiveTotal's, by the name of the option that holds its address."""
    return Source(
        options[endpoint],
        _RISKIQ_NAMES._replace(url=endpoint),
        user=options[_RISKIQ_NAMES.user],
        key=options[_RISKIQ_NAMES.key],
        timeout_s=options[_RISKIQ_NAMES.timeout],
        proxy=options[_RISKIQ_NAMES.proxy],
        ca_file=options[_RISKIQ_NAMES.ca_file],
        skip_verification=options[_RISKIQ_NAMES.skip_verification],
        owner=PASSIVETOTAL,
    )


def feed_of(wanted: ThreatListOptions) -> Feed:
    """Give a list of one's own; ConfigError when neither its options nor its type say where it is."""
    kind = KINDS[wanted.type]
    urls = (wanted.url,) if wanted.url else () if wanted.path else kind.urls
    if not urls and wanted.path is None:
        raise ConfigError(f"{option_of(wanted.name, 'ENABLE')} needs {option_of(wanted.name, 'PATH')} or _URL; set one")
    return Feed(
        wanted.name,
        kind,
        tuple(_source(wanted, url) for url in urls),
        wanted.path if not urls else None,
        wanted.label or kind.label,
        kind.confidence if wanted.confidence is None else wanted.confidence,
        60.0 * wanted.refresh_interval,
        wanted.inclexcl_path,
    )


def option_of(name: str, suffix: str) -> str:
    """Give the full name of an option of a list."""
    return f"{THREAT}{name.upper()}_{suffix}"


def _passivetotal(options: Options) -> Feed:
    return Feed(
        RISKIQ,
        KINDS["auto"],
        (passivetotal_source(options, _RISKIQ_NAMES.url),),
        None,
        interval_s=60.0 * options[_RISKIQ + "THREAT_REFRESH_INTERVAL"],
        inclexcl_path=options[_RISKIQ + "THREAT_INCLEXCL_PATH"],
    )


def _source(wanted: ThreatListOptions, url: str) -> Source:
    suffixes = ("URL", "USERNAME", "PASSWORD", "HEADER", "TIMEOUT", "PROXY", "TLS_CA_CERT_FILEPATH")
    return Source(
        url,
        Names(*(option_of(wanted.name, suffix) for suffix in (*suffixes, "TLS_SKIP_VERIFICATION"))),
        user=wanted.username,
        key=wanted.password,
        header=wanted.header,
        timeout_s=wanted.timeout,
        proxy=wanted.proxy,
        ca_file=wanted.tls_ca_cert_filepath,
        skip_verification=wanted.tls_skip_verification,
    )
