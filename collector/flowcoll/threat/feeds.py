"""PassiveTotal's list as it lies on disk: what the process that downloads it keeps there, and what others use of it."""

from flowcoll.config import Options
from flowcoll.errors import ConfigError, ListError
from flowcoll.logs import Log
from flowcoll.threat.last_good import LastGood, Meta
from flowcoll.threat.lists import Lists, Stated, ThreatList, build
from flowcoll.threat.readers import read
from flowcoll.threat.source import Source
from flowcoll.threat.times import http_date, iso
from flowcoll.threat.unwrap import Pause, at_once, unwrapped

NAME = "riskiq"
SAYS = "RiskIQ Threats:"
"""How every line of the log about this list begins."""


def use_copy(options: Options, lists: Lists, log: Log) -> None:
    """Use the last good copy of PassiveTotal's list, if the options ask for the list and there is one; never download."""
    source = Source.of(options)
    if source is None:
        return
    copy = copy_of(options)
    try:
        found = kept(copy, source, at_once)
    except ListError as exc:
        log.warn(f"{SAYS} the last good copy in {copy.folder} {exc}; nothing is matched against it")
    except OSError as exc:
        log.warn(f"{SAYS} the last good copy in {copy.folder} cannot be read ({exc.strerror})")
    else:
        if found is not None:
            lists.put(NAME, found[0], at_once)
        else:
            log.warn(
                f"{SAYS} no copy in {copy.folder}, so that nothing is matched; only `flowcoll run` downloads the list"
            )


def kept(copy: LastGood, source: Source, pause: Pause) -> tuple[ThreatList, Meta] | None:
    """Give the list of the last good copy, or None where there is none from this address. ListError, OSError."""
    found = copy.load(pause)
    if found is None or found[1].url != source.shown:
        return None
    octets, meta = found
    return built(octets, meta, pause), meta


def built(octets: bytes, meta: Meta, pause: Pause) -> ThreatList:
    """Give the list that octets hold; it was made when its server says so, or when it came. ListError."""
    changed = http_date(meta.last_modified)
    made = changed if 0 < changed <= meta.received else meta.received
    return build(read(unwrapped(octets, pause)), Stated(NAME, iso(made)), pause)


def copy_of(options: Options) -> LastGood:
    """Give the copy that the options name. ConfigError."""
    if options["EF_STATE_PATH"] is None:
        raise ConfigError("EF_STATE_PATH is empty; give a directory for the copy of PassiveTotal's list")
    return LastGood(options["EF_STATE_PATH"] / "threat", NAME)
