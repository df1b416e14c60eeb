"""Lists of threats: what the running collector says of each, else whether its file or its server gives it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flowcoll.config import Options
from flowcoll.doctor.findings import Check, Finding, fail, many, ok, skip, warn
from flowcoll.errors import ConfigError, ListError
from flowcoll.exporters.words import span
from flowcoll.threat.keeping.desk import folder_of
from flowcoll.threat.keeping.download import refused
from flowcoll.threat.keeping.feed import Feed
from flowcoll.threat.keeping.jobs import jobs_of, state_of
from flowcoll.threat.keeping.last_good import copies_of, known_copies
from flowcoll.threat.matching.feeds import in_memory
from flowcoll.threat.matching.rules import Rules
from flowcoll.threat.showing.words import Told, told

OLD_LIST_S = 7 * 86_400
LIMIT_S = 20.0
_TIMEOUT_S = 4.0
_DOCS = "docs/threats.md, Why is my Threats page empty"


class List(NamedTuple):
    """A list: what the running collector tells of it, what its file holds or its server says, and its last good copy."""

    downloaded: bool
    told: Told | None = None
    read: Told | None = None
    problem: str = ""
    copy_age_s: float | None = None
    copy_entries: int = 0
    copy_problem: str = ""


def probe(options: Options, feed: Feed, running: Told | None, now: Callable[[], float]) -> List:
    """Look at a list; a server is asked only where no running collector tells of it."""
    if not feed.sources:
        return _file(options, feed, running)
    problem = ""
    if running is None:
        problem = next((why for source in feed.sources if (why := refused(source, _TIMEOUT_S))), "")
    made = List(downloaded=True, told=running, problem=problem)
    try:
        metas = known_copies(feed, copies_of(folder_of(options), feed))
    except (ListError, ConfigError) as exc:
        return made._replace(copy_problem=f"the last good copy {exc}")
    except OSError as exc:
        return made._replace(copy_problem=f"the last good copy cannot be read ({exc.strerror})")
    if not metas:
        return made
    age_s = max(now() - min(meta.confirmed for meta in metas), 0.0)
    return made._replace(copy_age_s=age_s, copy_entries=max(meta.entries for meta in metas))


def _file(options: Options, feed: Feed, running: Told | None) -> List:
    """Read a list in a file as the collector does."""
    (job,) = (job for job in jobs_of(options) if job.feed.name == feed.name)
    try:
        state = {"state": "on", **state_of(in_memory(job))}
    except ConfigError as exc:
        return List(downloaded=False, told=running, problem=str(exc))
    return List(downloaded=False, told=running, read=told(feed.name, state, None))


def _list(found: List) -> Finding:
    advice = found.told.advice if found.told is not None and found.told.advice else _DOCS
    if found.problem:
        return fail(found.problem, advice)
    if found.told is not None and found.told.failed:
        return fail(f"{found.told.name} {found.told.text}", advice)
    if found.read is not None and (refused_rows := found.read.state.get("refused")):
        first = found.read.state.get("first_refused")
        return warn(f"{found.read.text}; {many(refused_rows, 'row')} of no sense ({first})", "mend these rows")
    if found.told is not None:
        return warn(found.told.text, advice) if found.told.kind == "waiting" else ok(found.told.text)
    return ok(found.read.text if found.read is not None else "its server gives it")


def _copy(found: List) -> Finding:
    if not found.downloaded:
        return skip("the list is in a file")
    if found.copy_problem:
        return warn(found.copy_problem, "it is set aside at the next start, and the list downloaded again")
    if found.copy_age_s is None:
        return warn("there is none yet: nothing is matched", "`flowcoll run` downloads it at its start")
    text = f"{found.copy_entries:,} entries, confirmed {span(found.copy_age_s)} ago"
    if found.copy_age_s > OLD_LIST_S:
        return warn(text, "see why it is not renewed: the check above, or the log")
    return ok(text)


def rules(options: Options, now: Callable[[], float]) -> Sequence[str]:
    """Give what is wrong with files of rules."""
    return Rules.load(options, now()).errors()


def _rules(problems: Sequence[str]) -> Finding:
    if problems:
        return fail(problems[0], "what such a file said before counts on in a collector that runs")
    return ok("include/exclude files and false positives can be read, as far as they are there")


def _unused(_: object) -> Finding:
    return skip("no list of threats is switched on", "docs/threats.md")


LIST = (
    Check("threat list", "state in the running collector, else whether its file or its server gives it", _list),
    Check("last good copy", "age and size of what was downloaded", _copy),
)
RULES = (Check("threat rules", "whether include/exclude files and false positives can be read", _rules),)
NO_LISTS = (Check("threat lists", "options", _unused),)
