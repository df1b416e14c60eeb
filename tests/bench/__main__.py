"""`python -m bench`: the tables of docs/bench.md; exit code 1 when a flow was lost, or a flood or a table took too much memory."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from bench import ablation, compare, flood, indexing, load, ours, peers, stages, threats, traffic
from bench.compare import DEFAULT, LEAN, PROTOBUF, Field, Size
from bench.endtoend import Result
from bench.process import Collector
from bench.report import Goal, Report, end_to_end_figures
from bench.streams import PROTOCOLS, stream
from bench.world import World
from flowcoll.errors import FlowcollError

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "bench"
PEERS = ROOT / ".venv" / "bench-peers"
PARTS = ("stages", "endtoend", "load", "flood", "threats", "elasticsearch")


class Plan:
    """What one call measures, and how long."""

    def __init__(self, *, quick: bool, rounds: int | None) -> None:
        self.size = compare.QUICK if quick else Size()
        if rounds:
            self.size = self.size._replace(rounds=rounds)
        self.stage_flows = 2_400 if quick else 25_000
        self.load_flows_per_s = 20_000 if quick else 100_000
        self.load_s = 3.0 if quick else 60.0
        self.templates = 500 if quick else 10_000
        self.templates_per_s = 200.0
        self.threats = threats.Size(30_000, 100_000, 5_000, 50_000, 2) if quick else threats.Size()
        self.indexing = indexing.Size(6_000, 3_000, 2) if quick else indexing.Size()
        if rounds:
            self.indexing = self.indexing._replace(rounds=rounds)
            self.threats = self.threats._replace(rounds=rounds)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option(
    "--protocol", "protocols", multiple=True, type=click.Choice(PROTOCOLS), help="Only these; all by default."
)
@click.option("--rounds", type=click.IntRange(min=1), help="Runs of each figure; 5 by default.")
@click.option("--quick", is_flag=True, help="A small run that shows whether it works; its figures mean little.")
@click.option("--no-peer", is_flag=True, help="Leave GoFlow2 out; no Go is needed then.")
@click.option("--profile", is_flag=True, help="Show where the pipeline spends its time, instead of all else.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(
    *,
    parts: Sequence[str],
    protocols: Sequence[str],
    rounds: int | None,
    quick: bool,
    no_peer: bool,
    profile: bool,
    json_file: Path | None,
) -> None:
    """Measure what a flow costs. PARTS: stages, endtoend, load, flood, threats, elasticsearch; all of them by default."""
    plan = Plan(quick=quick, rounds=rounds)
    console = Console(width=None if sys.stdout.isatty() else 150)
    wanted = parts or PARTS
    try:
        world = World()
        bench = stages.Bench(world, world.write(WORK), WORK, int(time.time()), plan.stage_flows, plan.size.rounds)
        goflow2 = peers.install(PEERS) if "endtoend" in wanted and not (no_peer or profile) else None
        report = Report(console, {"goflow2": peers.version(goflow2)} if goflow2 else {})
        if profile:
            for protocol in protocols or PROTOCOLS:
                click.echo(stages.profile(protocol, bench))
                report.figures(
                    "statements of the generated code", "statements", protocol, ablation.ablation(protocol, bench)
                )
            return
        field = Field(world, bench.files, WORK, goflow2, bench.now_s)
        goals: list[Goal] = []
        for protocol in protocols or PROTOCOLS:
            if "stages" in wanted:
                report.figures("stages", "stages", protocol, stages.stages(protocol, bench))
                report.figures("parts of the document", "parts", protocol, stages.parts(protocol, bench))
            if "endtoend" in wanted:
                results = compare.end_to_end(protocol, field, plan.size)
                report.figures("end to end", "end_to_end", protocol, end_to_end_figures(results))
                goals += _speed(protocol, results)
        if "load" in wanted:
            goals.append(_load(protocols[0] if protocols else "ipfix", field, plan, report))
        if "flood" in wanted:
            goals += _floods(field, plan, report)
        if "threats" in wanted:
            goals += _threats(plan, report)
        if "elasticsearch" in wanted:
            goals += _indexing(bench, plan, report)
    except FlowcollError as exc:
        click.echo(f"bench: {exc}", err=True)
        sys.exit(exc.exit_code)
    report.goals(goals)
    if json_file:
        report.write(json_file)
    sys.exit(any(not goal.kept for goal in goals if goal.binding))


def _speed(protocol: str, results: Sequence[Result]) -> list[Goal]:
    """Compare with what was promised for NetFlow v9 and IPFIX; a busy or slow machine may miss it, so nothing fails."""
    if protocol not in ("netflow9", "ipfix"):
        return []
    best = {result.name: min(result.us_per_flow) for result in results}
    goals = [
        Goal(f"{protocol}: default document, warm", "at most 7 µs", f"{best[DEFAULT]:.2f} µs", best[DEFAULT] <= 7),
        Goal(f"{protocol}: without client and server", "at most 5.5 µs", f"{best[LEAN]:.2f} µs", best[LEAN] <= 5.5),
    ]
    if PROTOBUF in best:
        peer = best[PROTOBUF]
        ratio = f"{best[DEFAULT] / peer:.2f} of it"
        goals.append(Goal(f"{protocol}: beside GoFlow2", f"its {peer:.2f} µs at most", ratio, best[DEFAULT] <= peer))
    return goals


def _load(protocol: str, field: Field, plan: Plan, report: Report) -> Goal:
    """Offer the promised rate to one worker."""
    warm = stream(protocol, traffic.warm(field.world), 120_000, field.now_s)
    with ExitStack() as running:
        launch = ours.flowcoll(DEFAULT, ours.settings(field.files, field.folder), field.folder)
        collector = running.enter_context(Collector(launch, field.folder / "load.log"))
        verdict = load.sustain(collector, warm, plan.load_flows_per_s, plan.load_s, field.folder)
    report.sustained(verdict)
    wanted = f"{plan.load_flows_per_s} flows/s for {plan.load_s:.0f} s, none lost"
    return Goal(f"{protocol}: one worker", wanted, f"{verdict.lost} lost", verdict.kept, binding=True)


def _floods(field: Field, plan: Plan, report: Report) -> list[Goal]:
    """Send a flood of templates, from one exporter and from many source ports, each to a worker that has seen nothing."""
    goals = []
    for one_exporter in (True, False):
        with ExitStack() as running:
            launch = ours.flowcoll(DEFAULT, ours.settings(field.files, field.folder), field.folder)
            collector = running.enter_context(Collector(launch, field.folder / "flood.log"))
            verdict = flood.flood(collector, plan.templates, plan.templates_per_s, one_exporter=one_exporter)
        report.flooded(verdict)
        found = f"{verdict.peak_octets / 1e6:.0f} MB, {verdict.flows - verdict.documents} flows lost"
        text = f"{plan.templates} templates from {verdict.source_ports} source ports"
        goals.append(Goal(text, "less than 200 MB, no flow lost", found, verdict.kept, binding=True))
    return goals


def _threats(plan: Plan, report: Report) -> list[Goal]:
    """Make a table of a long list, and share a longer one."""
    verdict = threats.threats(WORK, plan.threats)
    report.listed(verdict)
    entries, added = verdict.made[0].entries, verdict.shared.added
    return [
        Goal(
            f"{entries} entries, from octets to table",
            f"at most {threats.READY_S:.0f} s",
            f"{verdict.ready_s:.1f} s",
            verdict.ready_s <= threats.READY_S,
        ),
        Goal(
            f"{verdict.hosts} addresses, {verdict.networks} networks in {threats.PROCESSES} processes",
            f"at most {threats.ADDED_OCTETS / 1e6:.0f} MB (PSS)",
            f"{added / 1e6:.1f} MB",
            added <= threats.ADDED_OCTETS,
            binding=True,
        ),
    ]


def _indexing(bench: stages.Bench, plan: Plan, report: Report) -> list[Goal]:
    """Write to a real Elasticsearch, and compare with what its own client can do."""
    ways, rooms = indexing.measure(bench, plan.indexing)
    report.indexed(ways)
    report.stored(rooms)
    own, theirs = (max(run.per_second for run in way.runs) for way in ways[:2])
    cost, its_cost = (min(run.writer_us for run in way.runs) for way in ways[:2])
    room, dynamic = rooms[0].octets, rooms[-1].octets
    return [
        Goal(
            "documents/s beside helpers.bulk", f"its {theirs:.0f} at least", f"{own / theirs:.2f} of it", own >= theirs
        ),
        Goal(
            "CPU beside helpers.bulk",
            f"its {its_cost:.1f} µs at most",
            f"{cost / its_cost:.2f} of it",
            cost <= its_cost,
        ),
        Goal(
            "room beside dynamic mapping",
            f"its {dynamic:.0f} octets at most",
            f"{room / dynamic:.2f} of it",
            room <= dynamic,
        ),
    ]


if __name__ == "__main__":
    main()
