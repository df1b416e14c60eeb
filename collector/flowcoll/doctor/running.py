"""The collector that runs with these options, asked over its API: what it says of itself."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.doctor.findings import Check, Finding, fail, many, ok, skip, warn
from flowcoll.errors import SetupError
from flowcoll.exporters.asking import Api, NoAnswerError
from flowcoll.exporters.words import span
from flowcoll.threat.showing.words import PREFIX

SKEW_MS = 60_000
"""From here on a clock is wrong, and not only unpunctual."""

_SHOWN = 3


class Running(NamedTuple):
    """What /readyz and /exporters say; both empty where no collector runs, and `trouble` says who answers instead."""

    report: Mapping[str, Any] = {}
    exporters: Sequence[Mapping[str, Any]] = ()
    trouble: str = ""
    api: str = ""

    @property
    def there(self) -> bool:
        """Whether it runs."""
        return bool(self.report)

    @property
    def pid(self) -> int:
        """Process id of a worker, or 0."""
        return next((int(worker["pid"]) for worker in self.report.get("workers", ()) if worker.get("pid")), 0)

    @property
    def ports(self) -> frozenset[int]:
        """UDP ports it reads."""
        return frozenset(int(sock["port"]) for sock in self.report.get("sockets", ()))

    def enricher(self, name: str) -> Mapping[str, Any]:
        """Give the state of an enricher, or nothing."""
        found: Mapping[str, Any] = self.report.get("enrichers", {}).get(name, {})
        return found

    def output(self, name: str) -> Mapping[str, Any]:
        """Give the state of an output, or nothing."""
        return next((each for each in self.report.get("outputs", ()) if each.get("name") == name), {})


def probe(options: Options) -> Running:
    """Ask it."""
    try:
        api = Api.of(options)
    except SetupError as exc:
        return Running(trouble=str(exc))
    try:
        report = api.json("/readyz")
        exporters = api.json("/exporters").get("exporters", ())
    except NoAnswerError:
        return Running(api=api.name)
    except SetupError as exc:
        return Running(trouble=str(exc), api=api.name)
    return Running(report, exporters, api=api.name)


def _runs(running: Running) -> Finding:
    if running.trouble:
        return fail(running.trouble, "set EF_API_IP and EF_API_PORT to what no other program has")
    if not running.there:
        return skip(f"no collector answers at {running.api}", "systemctl start flowcoll")
    if not running.report.get("ready"):
        return warn("it does not read its ports yet", "look again; else: journalctl -u flowcoll")
    down = [str(worker["number"]) for worker in running.report["workers"] if not worker["up"]]
    if down:
        return fail(f"workers that do not run: {', '.join(down)}", "journalctl -u flowcoll")
    restarts = sum(worker["restarts"] for worker in running.report["workers"])
    uptime = span(running.report["uptime_s"])
    if restarts:
        return warn(f"runs for {uptime}, workers were started again {many(restarts, 'time')}", "journalctl -u flowcoll")
    return ok(f"runs for {uptime}, {many(len(running.report['workers']), 'worker')}")


def _drops(running: Running) -> Finding:
    if not running.there:
        return skip("no collector runs")
    drops = {sock["port"]: sock["kernel_drops"] for sock in running.report["sockets"] if sock["kernel_drops"]}
    if drops:
        told = ", ".join(f"{count:,} at port {port}" for port, count in drops.items())
        return warn(
            f"the kernel dropped datagrams since the start: {told}",
            "raise EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE and net.core.rmem_max; "
            "`flowcoll top` shows whether it goes on",
        )
    return ok("none since the start")


def _outputs(running: Running) -> Finding:
    if not running.there:
        return skip("no collector runs")
    outputs = running.report.get("outputs", ())
    for output in outputs:
        if not output.get("up", True):
            why = output.get("last_error") or "not connected yet"
            if output["name"].partition(".")[0] == "riskiq":
                return fail(
                    f"{output['name']}: {why}", "flow records for it are dropped meanwhile; docs/passivetotal.md"
                )
            return fail(f"{output['name']}: {why}", "documents wait in memory and in the spool; mend what is said")
        if output.get("dropped"):
            return warn(
                f"{output['name']} has dropped {many(output['dropped'], 'document')} since the start",
                "flowcoll_documents_dropped_because_total says why; docs/delivery.md",
            )
        if output.get("rejected"):
            return warn(
                f"{output['name']}: {many(output['rejected'], 'document')} rejected",
                "they are in the dead-letter file with the reason; docs/delivery.md",
            )
    waiting = sum(output.get("spooled_documents", 0) for output in outputs)
    delivered = sum(output.get("delivered", 0) for output in outputs)
    return ok(f"{many(delivered, 'document')} delivered" + (f", {waiting:,} wait in the spool" if waiting else ""))


def _enrichers(running: Running) -> Finding:
    if not running.there:
        return skip("no collector runs")
    enrichers = {
        name: each for name, each in running.report.get("enrichers", {}).items() if not name.startswith(PREFIX)
    }
    failed = {name: each for name, each in enrichers.items() if each.get("state") in {"failed", "stopped"}}
    if failed:
        told = "; ".join(f"{name}: {each.get('last_error', each['state'])}" for name, each in failed.items())
        return warn(told, "what was read before serves on; mend the file, then systemctl reload flowcoll")
    return ok(f"{len(enrichers)} in use" if enrichers else "none is switched on")


def _heard(running: Running) -> Finding:
    if not running.there:
        return skip("no collector runs")
    if not running.exporters:
        return warn(
            f"none has been heard since the start, {span(running.report['uptime_s'])} ago",
            "check the exporter's configuration, routes and firewalls; docs/install.md, No flows",
        )
    waiting = {row["address"] for row in running.exporters if row["waiting"]["sets"]}
    if waiting:
        return warn(
            f"data wait for their template: {_some(waiting)}",
            "wait for the exporter's next template, or have it send them every minute",
        )
    return ok(f"{len({row['address'] for row in running.exporters})} heard")


def _skews(running: Running) -> Finding:
    if not running.exporters:
        return skip("no exporter is known")
    wrong = {row["address"] for row in running.exporters if abs(row.get("clock_skew_ms") or 0) > SKEW_MS}
    if wrong:
        return warn(
            f"wrong by more than a minute: {_some(wrong)}", "set up NTP there; `flowcoll exporters` shows by how much"
        )
    return ok("within a minute")


def _some(addresses: Any) -> str:
    first = sorted(addresses)
    more = len(first) - _SHOWN
    return ", ".join(first[:_SHOWN]) + (f" and {many(more, 'other')}" if more > 0 else "")


CHECKS = (
    Check("collector", "/readyz of the API", _runs),
    Check("kernel drops", "what the running collector's sockets lost", _drops),
    Check("outputs", "whether they are connected, and what they dropped", _outputs),
    Check("enrichers", "databases of the running collector; lists of threats have checks of their own", _enrichers),
    Check("exporters", "who was heard, and whether data wait for templates", _heard),
    Check("exporters' clocks", "time in the exporters' headers", _skews),
)
