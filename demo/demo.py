"""`make demo`: a collector on this machine, fed with recorded exports, and what it made of them.

Needs nothing but the package: no Elasticsearch, no network, no root. Ends by itself after a few seconds.
"""

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

try:
    from collector import Collector
    from exports import ROOT, recorded, send
    from layout import laid_out, picked
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from standin import StandIn

    from flowcoll import __version__
    from flowcoll.counters import Counts
    from flowcoll.errors import FlowcollError
    from flowcoll.summary import Summary
except ModuleNotFoundError as exc:
    sys.exit(f"demo: {exc.name} is not installed for this Python; run the demo with: make demo")
except KeyboardInterrupt:
    sys.exit(130)

CONFIG = Path("demo/flowcoll.yml")  # seen from the root, as all paths in it
FLOWS = Path("demo/out/flows.ndjson")
LOG = Path("demo/out/flowcoll.log")

_SHOWN = (
    *("@timestamp", "observer.ip", "event.start"),
    *("source.ip", "source.port", "source.bytes", "destination.ip", "destination.port"),
    *("destination.geo.country_name", "destination.as", "flow.server.l4"),
    *("network.transport", "network.direction", "network.community_id", "sec.threat.name", "sec.threat.feed"),
    *("threat.enrichments.indicator.provider", "threat.enrichments.indicator.description"),
    *("threat.enrichments.indicator.confidence", "threat.enrichments.matched.field"),
)

_STORY = """
127.20.0.x are routers, firewalls and switches as others recorded them.
127.10.0.x are softflowd and pmacct, watching the made-up traffic of a company:
an address outside knocks at every server, an infected host calls its controller
each minute, one exporter was up before the collector, and a printer sends its
syslog to the wrong port. Places and owners come from MaxMind's test databases.
The threats are invented: some are in demo/threats.csv, others (feed riskiq) the
collector downloaded, with user and key, from the stand-in for PassiveTotal.
"""

_NEXT = f"""
[bold]To go on[/]
  sed -n {{line}}p {FLOWS} | python3 -m json.tool
      this document, whole; the log of the collector is {LOG}
  .venv/bin/flowcoll replay --config {CONFIG} demo/captures/*.pcap
      captures without a socket: documents on stdout, the summary on stderr
  .venv/bin/flowcoll config --config {CONFIG} --changed
      the options of this demo
  .venv/bin/flowcoll run --config {CONFIG}
      the same collector for your own routers, on UDP port 9995"""


def main() -> int:
    """Run the demo and return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        run(Console(highlight=False))
    except KeyboardInterrupt:
        return _failed("interrupted; the collector is stopped", 130)
    except FlowcollError as exc:
        return _failed(str(exc), exc.exit_code)
    except OSError as exc:
        return _failed(str(exc), 1)
    return 0


def _failed(why: str, code: int) -> int:
    print(f"demo: {why}", file=sys.stderr)
    return code


def run(console: Console) -> None:
    """Start a collector, send it the exports, stop it, and show what it made of them."""
    flows = ROOT / FLOWS
    flows.parent.mkdir(exist_ok=True)
    flows.unlink(missing_ok=True)  # the collector would append to it
    rmtree(flows.parent / "templates", ignore_errors=True)  # each time as if for the first time
    exports = recorded()
    counts = Counts()
    summary = Summary(counts, names={datagrams[0].source: name for name, datagrams in exports.items()})
    console.print(f"[bold]flowcoll {__version__}[/], fed with recorded exports over UDP on this machine\n")
    started = time.monotonic()
    with StandIn() as stand_in, Collector(ROOT, CONFIG, LOG, stand_in.options()) as collector:
        collector.wait_ready()
        where = f"UDP port {collector.udp_port} for every protocol, API on port {collector.api_port}"
        started = _step(console, "started", where, started)
        fetched = f"{collector.wait_for_list()} threats from a stand-in for PassiveTotal on loopback"
        started = _step(console, "fetched", fetched, started)
        total = sum(map(len, exports.values()))
        with _bar(console) as bar:
            for _ in bar.track(send(exports, collector.udp_port), total, description="replaying"):
                pass
        collector.wait_for(total)
        started = _step(console, "replayed", f"{total} datagrams, each from the address of its exporter", started)
        counts.update(collector.stop())
    documents = [json.loads(line) for line in flows.read_text().splitlines()]
    _step(console, "stopped", f"{len(documents):,} documents in {FLOWS}", started)
    console.print(_STORY)
    for document in documents:
        summary.add(document)
    summary.render(console)
    line = _show_hit(console, documents)
    console.print(_NEXT.format(line=line), soft_wrap=True)


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _step(console: Console, what: str, how: str, started: float) -> float:
    """Say what was done and how long it took; return the time."""
    now = time.monotonic()
    console.print(f"{what:9} {how}  ({now - started:.1f} s)")
    return now


def _show_hit(console: Console, documents: Sequence[Mapping[str, Any]]) -> int:
    """Show the document that most feeds named, and return the number of its line."""
    line, document = max(enumerate(documents, 1), key=lambda numbered: _interest(numbered[1]))
    console.print("\n[bold]A flow with a listed address, shortened; it began when it was recorded[/]")
    for text in laid_out(picked(document, _SHOWN), console.width):
        console.print(text, markup=False, soft_wrap=True)
    return line


def _interest(document: Mapping[str, Any]) -> tuple[int, bool]:
    enrichments = document.get("threat", {}).get("enrichments", [])
    return len(enrichments), document.get("network", {}).get("direction") == "outbound"


if __name__ == "__main__":
    sys.exit(main())
