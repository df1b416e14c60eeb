"""What the state directory says of exporters, when no collector runs; it is only read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowcoll.collect.kept_files import address_of
from flowcoll.counters import Counts
from flowcoll.decode import kept
from flowcoll.decode.elements import Elements
from flowcoll.decode.facts import Facts
from flowcoll.decode.kept import FACTS, TEMPLATES, WAITING
from flowcoll.decode.memory import Memory
from flowcoll.decode.store import Bodies, Known, TemplateStore
from flowcoll.decode.waiting import Waiting
from flowcoll.errors import KeptError, SetupError
from flowcoll.exporters import Row
from flowcoll.exporters.lacks import LEGEND
from flowcoll.exporters.rows import base, describe, moment

_RECALL = {
    TEMPLATES: lambda address, octets, memory: kept.recall_templates(address, octets, memory, 0),
    FACTS: lambda address, octets, memory: kept.recall_facts(address, octets, memory, 0),
    WAITING: kept.recall_waiting,
}
_WITHOUT_LIMIT = 1 << 40


def read(folder: Path) -> dict[str, Any]:
    """Give `exporters` as far as kept files tell, how many files are `unusable`, and `lacks`; SetupError."""
    try:
        names = sorted(path for path in folder.iterdir() if path.suffix[1:] in _RECALL)
    except FileNotFoundError:
        names = []
    except OSError as exc:
        raise SetupError(f"cannot read {folder} ({exc.strerror}); EF_STATE_PATH names the state directory") from None
    if not names:
        raise SetupError(f"nothing is kept of exporters in {folder}; EF_STATE_PATH names the state directory")
    by_address: dict[str, list[Path]] = {}
    for path in names:
        by_address.setdefault(address_of(path), []).append(path)
    bodies = Bodies(Elements())
    rows: list[Row] = []
    unusable = 0
    for address, paths in by_address.items():
        memory = _memory(bodies)
        for path in paths:
            try:
                _RECALL[path.suffix[1:]](address, path.read_bytes(), memory)
            except (KeptError, OSError):
                unusable += 1
        rows += _rows(address, memory)
    return {"exporters": rows, "others": 0, "unusable": unusable, "lacks": LEGEND}


def _memory(bodies: Bodies) -> Memory:
    counts = Counts()
    return Memory(
        bodies, TemplateStore(counts), Waiting(counts, _WITHOUT_LIMIT, longest_ms=_WITHOUT_LIMIT), Facts(counts)
    )


def _rows(address: str, memory: Memory) -> Iterator[Row]:
    domains: dict[tuple[str, int], dict[int, Known]] = {}
    ports: dict[tuple[str, int], set[int]] = {}
    for known in memory.store.of(address):
        key = known.template.protocol, known.domain
        domains.setdefault(key, {}).setdefault(known.number, known)
        ports.setdefault(key, set()).add(known.port)
    waiting: dict[tuple[str, int], list[int]] = {}
    for one in memory.waiting.of(address):
        key = "ipfix" if one.domain >> 32 else "netflow9", one.domain
        waiting.setdefault(key, []).append(len(one.body))
        ports.setdefault(key, set()).add(one.port)
    for protocol, domain in sorted(ports):
        templates = list(domains.get((protocol, domain), {}).values())
        sets = waiting.get((protocol, domain), [])
        row = base(address, sorted(ports[protocol, domain]), protocol, domain)
        describe(row, templates, 0, memory.facts.sampling(address, protocol, domain))
        used = max((known.used for known in templates), default=None)
        yield row | {
            "last_used": None if used is None else moment(used),
            "waiting": {"sets": len(sets), "bytes": sum(sets)},
        }
