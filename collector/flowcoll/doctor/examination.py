"""What is examined for given options: every part with its checks, probed at the same time, each within its limit."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from os import geteuid
from pathlib import Path
from typing import Any

from flowcoll.config import Options
from flowcoll.doctor import cluster, cluster_checks, files, host, lists, places, ports, running
from flowcoll.doctor.findings import Check, Finding, Part, Row, Verdict, fail, many, ok, rows, skip, warn
from flowcoll.doctor.running import Running
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.showing import present
from flowcoll.transfer import unit

_OUTPUTS = ("ELASTICSEARCH", "FILE", "STDOUT")


@dataclass(frozen=True)
class Surroundings:
    """Where the machine's files are, what time it is, and whether the options are those of this machine's service."""

    root: Path = Path("/")
    clock: Callable[[], float] = time.time
    service: bool = True


def examine(options: Options, world: Surroundings) -> list[Row]:
    """Probe and judge everything; rows come in the order of the parts."""
    known, first = _asked(options)
    found = [*_options(options), *first]
    for part in together(parts(options, known, world)):
        found += part
    return found


def _asked(options: Options) -> tuple[Running, list[Row]]:
    part = Part(running.CHECKS, partial(running.probe, options))
    facts = probed([part])[0]
    if isinstance(facts, Finding):
        return Running(), [Row(part.checks[0].name, "", *facts)]
    return facts, list(rows(part, facts))


def parts(options: Options, known: Running, world: Surroundings) -> list[Part]:
    """Give every part that the options call for."""
    ip = options["EF_FLOW_SERVER_UDP_IP"]
    made = [
        Part(ports.CHECKS, partial(ports.probe, ip, number, known.ports, world.root), str(number))
        for number in dict.fromkeys(options["EF_FLOW_SERVER_UDP_PORT"])
    ]
    if world.service:
        made.append(Part(UNIT, partial(unit.program, world.root)))
    made.append(Part(host.CHECKS, partial(host.probe, options, known, world.root)))
    made += _places(options, known, world)
    for output in options.outputs("ELASTICSEARCH"):
        subject = output.namespace or ",".join(output.values["ADDRESSES"])
        made.append(Part(cluster_checks.CHECKS, partial(cluster.probe, output), subject, cluster.LIMIT_S))
    made += _files(options, known, world)
    return made


def _unit(found: tuple[Path, str] | None) -> Finding:
    """Judge the unit: ElastiFlow's has the same name, and in /etc it hides ours."""
    if found is None:
        return skip("there is no flowcoll.service")
    file, command = found
    if "elastiflow" in command:
        return fail(
            f"{file} is ElastiFlow's: systemd would start {command}",
            f"remove ElastiFlow's package, or {file}; then: systemctl daemon-reload",
        )
    return ok(f"{file} starts {command}")


UNIT = (Check("service unit", "which flowcoll.service counts, and what it starts", _unit),)


def _places(options: Options, known: Running, world: Surroundings) -> Iterator[Part]:
    owner = host.owner(world.root, known.pid)
    user = places.who(options, owner, geteuid())
    allowed = unit.writable(world.root) if world.service else None
    spools = sum(each.values["SPOOL_MAX_BYTES"] for each in options.outputs("ELASTICSEARCH"))
    yield Part(places.STATE, partial(places.probe, options["EF_STATE_PATH"], user, allowed, spool_limit=spools))
    for output in options.outputs("FILE"):
        path = output.values["PATH"]
        yield Part(places.FILE, partial(places.probe, path, user, allowed), output.namespace or str(path))


def _files(options: Options, known: Running, world: Surroundings) -> Iterator[Part]:
    for name, opened in files.databases(options, world.clock).items():
        yield Part(files.DATABASE, opened, name)
    feeds = feeds_of(options)
    told = {each.name: each for each in present.of_report(known.report).summary.lists} if known.there else {}
    for feed in feeds:
        find = partial(lists.probe, options, feed, told.get(feed.name), world.clock)
        yield Part(lists.LIST if feed.sources else lists.LIST[:1], find, feed.name, lists.LIMIT_S)
    yield Part(lists.RULES, partial(lists.rules, options, world.clock)) if feeds else Part(lists.NO_LISTS, lambda: None)


def _options(options: Options) -> Iterator[Row]:
    """Tell what the options themselves are worth a word for."""
    check = OPTIONS.name
    given = sum(setting.origin != "default" for setting in options.settings)
    yield Row(check, "", *ok(f"{many(given, 'option')} set, and can work"))
    for notice in options.notices:
        yield Row(check, "", *warn(notice, "`flowcoll config --changed` shows what counts, and where it was set"))
    if not any(options.outputs(kind) for kind in _OUTPUTS):
        advice = "switch on EF_OUTPUT_ELASTICSEARCH_ENABLE, EF_OUTPUT_FILE_ENABLE or EF_OUTPUT_STDOUT_ENABLE"
        yield Row(check, "", *warn("documents go nowhere: no output is switched on", advice))


OPTIONS = Check("options", "everything `flowcoll run` reads", lambda _: ok(""))

CHECKS: Sequence[Check] = (
    *(OPTIONS, *running.CHECKS, *ports.CHECKS, *UNIT, *host.CHECKS, *places.STATE, *places.FILE),
    *(*cluster_checks.CHECKS, *files.DATABASE, *lists.LIST, *lists.RULES),
)
"""Every check there is, for readers."""


def together(wanted: Sequence[Part]) -> list[list[Row]]:
    """Probe parts at the same time and judge them, in order; one that takes too long has not been judged."""
    return [
        [Row(part.checks[0].name, part.subject, *facts)] if isinstance(facts, Finding) else list(rows(part, facts))
        for part, facts in zip(wanted, probed(wanted), strict=True)
    ]


def probed(wanted: Sequence[Part]) -> list[Any]:
    """Give the facts of each part, or a finding that says why there are none.

    A probe that hangs is left behind: its thread does not keep the process from ending.
    """
    answers: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    started = time.monotonic()
    for number, part in enumerate(wanted):
        threading.Thread(target=_run, args=(number, part, answers), daemon=True).start()
    facts: list[Any] = [None] * len(wanted)
    waiting = dict(enumerate(wanted))
    while waiting:
        next_end = started + min(part.limit_s for part in waiting.values())
        try:
            number, answer = answers.get(timeout=max(next_end - time.monotonic(), 0.001))
        except queue.Empty:
            for number in [n for n, part in waiting.items() if started + part.limit_s <= time.monotonic()]:
                part = waiting.pop(number)
                facts[number] = Finding(
                    Verdict.FAIL,
                    f"no answer within {part.limit_s:.0f} s",
                    "look whether a disk, a name server or the network hangs",
                )
            continue
        if waiting.pop(number, None) is not None:
            facts[number] = answer
    return facts


def _run(number: int, part: Part, answers: "queue.SimpleQueue[tuple[int, Any]]") -> None:
    try:
        answers.put((number, part.probe()))
    except OSError as exc:  # of the machine's own files; a probe knows the errors of what it asks
        answers.put((number, Finding(Verdict.FAIL, f"cannot be examined ({exc.strerror or exc})", "try it as root")))
