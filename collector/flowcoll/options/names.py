"""What an option's name means: a declared one, one of a named instance, the file of a secret, an older name, or nothing."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowcoll.options.groups import OUTPUT, THREAT, Group, Option
from flowcoll.options.table import GROUPS, OPTIONS, OUTPUTS

FILE = "_FILE"
_LISTS = next(group for group in GROUPS if group.patterned)
_PART = "[A-Z0-9][A-Z0-9_]*"


@dataclass(frozen=True)
class Rename:
    """A name of another version, where `*` and `<NAMESPACE>` stand for any text, and what became of it."""

    old: str
    new: str  # empty: gone
    version: str
    why: str = ""  # of a name that is gone

    def apply(self, name: str) -> str | None:
        """The new name (empty: gone), or None where this is not about `name`."""
        expression = re.escape(self.old).replace(r"\*", "(.+)").replace("<NAMESPACE>", f"({_PART}?)")
        found = re.fullmatch(expression, name)
        if found is None:
            return None
        parts = iter(found.groups())
        return re.sub(r"\*|<NAMESPACE>", lambda _: next(parts), self.new)


_QUEUES = "queues and pools size themselves"
_AWS = "VPC flow logs are not read"

RENAMES = (
    Rename("UNICOLLD_*", "EF_FLOW_*", "5.0 beta"),
    Rename("EF_FLOW_ACCOUNT_ID", "EF_ACCOUNT_ID", "5.x"),
    Rename("EF_FLOW_LICENSED_CORES", "EF_FLOW_LICENSED_UNITS", "5.0"),
    Rename("EF_FLOW_LOGGER_*", "EF_LOGGER_*", "5.x"),
    Rename("EF_FLOW_SERVER_UDP_PACKET_STREAM_MAX_SIZE", "EF_FLOW_PACKET_STREAM_MAX_SIZE", "5.x"),
    Rename("EF_FLOW_RECORD_STREAM_MAX_SIZE", "", "5.x", _QUEUES),
    Rename("EF_FLOW_DECODER_SETTINGS_PATH", "", "5.x", "every path is given in full"),
    Rename("EF_FLOW_DECODER_POOL_SIZE", "EF_PROCESSOR_POOL_SIZE", "5.x"),
    Rename("EF_FLOW_DECODER_TRANSLATE_KEEP_IDS", "EF_PROCESSOR_TRANSLATE_KEEP_IDS", "5.x"),
    Rename("EF_FLOW_DECODER_DURATION_PRECISION", "EF_PROCESSOR_DURATION_PRECISION", "5.x"),
    Rename("EF_FLOW_DECODER_TIMESTAMP_PRECISION", "EF_PROCESSOR_TIMESTAMP_PRECISION", "5.x"),
    Rename("EF_FLOW_DECODER_PERCENT_NORM", "EF_PROCESSOR_PERCENT_NORM", "5.x"),
    Rename("EF_FLOW_DECODER_DROP_FIELDS", "EF_PROCESSOR_DROP_FIELDS", "5.x"),
    Rename("EF_FLOW_DECODER_ENRICH_EXPAND_CLISRV", "EF_PROCESSOR_EXPAND_CLISRV", "5.x"),
    Rename("EF_FLOW_DECODER_ENRICH_KEEP_CPU_TICKS", "EF_PROCESSOR_KEEP_CPU_TICKS", "5.x"),
    Rename("EF_FLOW_DECODER_ENRICH_*", "EF_PROCESSOR_ENRICH_*", "5.x"),
    Rename("EF_FLOW_DECODER_*", "EF_PROCESSOR_DECODE_*", "5.x"),
    Rename("EF_FLOW_OUTPUT_*_POOL_SIZE", "", "5.x", _QUEUES),
    Rename("EF_FLOW_OUTPUT_*", "EF_OUTPUT_*", "5.x"),
    Rename("EF_FLOW_<NAMESPACE>_OUTPUT_*_POOL_SIZE", "", "5.x", _QUEUES),
    Rename("EF_FLOW_<NAMESPACE>_OUTPUT_*", "EF_<NAMESPACE>_OUTPUT_*", "5.x"),
    Rename("EF_METRICS_PORT", "EF_API_PORT", "6.1"),
    Rename("EF_METRICS_TLS_*", "EF_API_TLS_*", "6.1"),
    Rename("EF_LICENSE_KEY", "EF_FLOW_LICENSE_KEY", "7.x"),
    Rename("EF_AWS_VPC_FLOW_LOG_S3_ENABLE", "EF_AWS_VPC_FLOW_LOG_ENABLE", "7.x"),
    Rename("EF_AWS_VPC_FLOW_LOG_S3_PREFIX", "EF_AWS_VPC_FLOW_LOG_PREFIX", "7.x"),
    Rename("EF_INPUT_FLOW_BENCHMARK_PACKET_FILEPATH", "EF_INPUT_FLOW_BENCHMARK_PACKET_FILE_PATH", "7.x"),
    Rename("AWS_REGION", "", "6.x", _AWS),
    Rename("AWS_ACCESS_KEY_ID", "", "6.x", _AWS),
    Rename("AWS_SECRET_ACCESS_KEY", "", "6.x", _AWS),
)


@dataclass(frozen=True)
class Meaning:
    """What a name stands for: an option (None: it is gone, `why` says so), given as a file or not, by an older name or not."""

    option: Option | None
    from_file: bool = False
    version: str = ""  # of the older name; empty: the name is today's
    why: str = ""

    @property
    def name(self) -> str:
        """Today's name, as somebody would write it."""
        return "" if self.option is None else self.option.name + FILE * self.from_file


@dataclass(frozen=True)
class Instance:
    """A named output or threat list: its group, its name in lower case, and how the names of its options begin."""

    group: Group
    name: str
    place: str


def instance(name: str) -> Instance | None:
    """The named output or threat list that a name belongs to, whether or not there is such an option."""
    if name.startswith(THREAT):
        for suffix in _suffixes(_LISTS):
            found = re.fullmatch(f"{THREAT}({_PART})_{suffix}({FILE})?", name)
            if found:
                return Instance(_LISTS, found[1].lower(), THREAT + found[1])
        return None
    found = re.fullmatch(f"EF_(?!FLOW_)({_PART}?)_OUTPUT_(.+)", name)
    if found is None:
        return None
    for output, group in OUTPUTS.items():
        if found[2].startswith(output + "_"):
            return Instance(group, found[1].lower(), f"EF_{found[1]}_OUTPUT_{output}")
    return None


def meaning(name: str) -> Meaning | None:
    """What a name stands for, or None where nobody knows it."""
    for now, rename in _history(name):
        version = "" if rename is None else rename.version
        if rename is not None and not now:
            return Meaning(None, version=version, why=rename.why)
        option, from_file = _named(now)
        if option is not None:
            return Meaning(option, from_file, version)
    return None


def nearest(name: str) -> list[str]:
    """Known names that look like `name`, or like what an older name has become; the most alike first."""
    today = [now for now, _ in _history(name.upper())][-1]
    alike = difflib.get_close_matches(today, list(dict.fromkeys(_candidates(today))), n=3, cutoff=0.8)
    return [other for other in alike if _likeness(today, other) > _likeness(today, alike[0]) - 0.02]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def _history(name: str) -> Iterator[tuple[str, Rename | None]]:
    """The name itself, then what it was renamed to, each with the first renaming on the way."""
    first: Rename | None = None
    yield name, None
    while step := next(((r, new) for r in RENAMES if (new := r.apply(name)) is not None), None):
        rename, name = step
        first = first or rename
        yield name, rename if not name else first


def _named(name: str) -> tuple[Option | None, bool]:
    """Option of exactly this name of today, and whether the name is that of a secret's file."""
    option = _exact(name)
    if option is None and name.endswith(FILE):
        option = _exact(name.removesuffix(FILE))
        return (option, True) if option is not None and option.type.secret else (None, False)
    return option, False


def _exact(name: str) -> Option | None:
    if name in OPTIONS:
        return OPTIONS[name]
    place = instance(name)
    if place is None:
        return None
    return next((option for option in place.group.at(place.place) if option.name == name), None)


def _suffixes(group: Group) -> Iterable[str]:
    return sorted((option.name.removeprefix(group.prefix + "_") for option in group.options), key=len, reverse=True)


def _candidates(name: str) -> Iterator[str]:
    """Every name that could have been meant: declared ones, and those of the instance that `name` seems to belong to."""
    yield from OPTIONS
    place = name.rpartition("_")[0]
    if place.startswith(THREAT):
        yield from (option.name for option in _LISTS.at(place))
    found = re.match(f"EF_({_PART}?)_OUTPUT_", name)
    if found:
        yield from (o.name.replace(OUTPUT, found[0], 1) for g in OUTPUTS.values() for o in g.options)
