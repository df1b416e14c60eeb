"""The bench's traffic is what its figures are said to be measured on."""

import csv
import json
import os
import socket
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path

import maxminddb
import pytest

from bench import ablation, flood, peers, stages, traffic
from bench.process import Sample, free_ports
from bench.report import Figure
from bench.sender import offer
from bench.stages import Bench
from bench.streams import PROTOCOLS, RECORDS, SAMPLES, TEMPLATE_ID, Stream, read, stream
from bench.timing import Stage, interleaved
from bench.world import Files, World, is_listed
from flowcoll.errors import SetupError

NOW_S = 1_700_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return World(pool_size=1_000, networks=150)


@pytest.fixture(scope="module")
def files(world: World, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return world.write(tmp_path_factory.mktemp("world"))


def test_same_traffic_every_time(world: World) -> None:
    """The same seed gives the same datagrams, another one gives others."""
    for protocol in PROTOCOLS:
        again = World(pool_size=1_000, networks=150)
        other = World(seed=7, pool_size=1_000, networks=150)
        made = stream(protocol, traffic.warm(world), 240, NOW_S)
        assert made == stream(protocol, traffic.warm(again), 240, NOW_S)
        assert made != stream(protocol, traffic.warm(other), 240, NOW_S)


def test_pool(world: World) -> None:
    """A pool holds each address once: 30 % private, one in a hundred of the others on the list."""
    public = [address for address in world.pool if address >> 24 != 10]
    assert len(set(world.pool)) == 1_000
    assert len(public) == 700
    assert sum(map(is_listed, public)) == 7


def test_warm_and_fresh(world: World) -> None:
    """A warm stream shows the whole pool before it repeats itself; a fresh one never shows an address twice."""
    assert sorted(islice(world.warm(), 1_000)) == sorted(world.pool)
    fresh = list(islice(world.fresh(), 20_000))
    assert len(set(fresh)) == 20_000
    assert 0.28 < sum(address >> 24 == 10 for address in fresh) / 20_000 < 0.32


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_streams_carry_the_flows(world: World, protocol: str) -> None:
    """Every protocol carries the same flows in the same order, in datagrams that fit an Ethernet frame."""
    made = stream(protocol, traffic.warm(world), 240, NOW_S)
    wanted = [(flow.src, flow.dst) for flow in islice(traffic.warm(world), made.flows)]
    assert made.flows >= 240
    assert _endpoints(made) == wanted
    assert max(map(len, made.datagrams)) <= 1_472


def _endpoints(made: Stream) -> list[tuple[int, int]]:
    """Read the addresses with nothing but the offsets of each format."""
    found = []
    for octets in made.datagrams:
        match made.protocol:
            case "netflow5":
                starts = [24 + 48 * index for index in range(RECORDS)]
            case "sflow":
                starts = [28 + 216 * index + 8 + 32 + 8 + 16 + 14 + 12 for index in range(SAMPLES)]
            case _:
                head = 20 if made.protocol == "netflow9" else 16
                number, length = struct.unpack_from(">HH", octets, head)
                if number != TEMPLATE_ID:
                    continue
                size = (length - 4) // RECORDS
                starts = [head + 4 + size * index for index in range(RECORDS)]
        found += [struct.unpack_from(">II", octets, start) for start in starts]
    return [(src, dst) for src, dst in found]


def test_databases(world: World, files: Files) -> None:
    """Every public address of the pool has a place and an AS, no private one has."""
    with maxminddb.open_database(files.city) as city, maxminddb.open_database(files.asn) as asn:
        for address in world.pool:
            shown = socket.inet_ntoa(address.to_bytes(4, "big"))
            place, system = city.get(shown), asn.get(shown)
            assert (place is None) == (system is None) == (address >> 24 == 10)
            if isinstance(place, dict) and isinstance(system, dict):
                assert place == world.city_record(address >> 8)
                assert system == world.asn_record(address >> 8)


def test_threat_list(world: World, files: Files) -> None:
    """The list names each listed address of the pool with a threat and a feed."""
    with files.threats.open(newline="") as rows:
        listed = {row["address"]: row for row in csv.DictReader(rows)}
    for address in world.pool:
        row = listed.get(socket.inet_ntoa(address.to_bytes(4, "big")))
        assert (row is not None) == (address >> 24 != 10 and is_listed(address))
        assert row is None or (row["name"] and row["feed"])


def test_files_are_made_once(world: World, files: Files) -> None:
    """What lies there already is not written again."""
    before = [path.stat().st_mtime_ns for path in files]
    assert [path.stat().st_mtime_ns for path in world.write(files.city.parent)] == before


def test_stream_file(world: World, tmp_path: Path) -> None:
    """A sender reads from a file exactly the datagrams that were written to it."""
    made = stream("ipfix", traffic.warm(world), 240, NOW_S)
    assert read(made.write(tmp_path / "made")) == made.datagrams


def test_sender_offers_all(world: World) -> None:
    """The sender sends as many datagrams as it was told, the stream over and over, at the rate asked for."""
    datagrams = stream("netflow5", traffic.warm(world), 120, NOW_S).datagrams
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        told = offer(datagrams, sock.getsockname()[1], 1_000, 20)
        received = [sock.recv(65_535) for _ in range(20)]
    assert received == datagrams * 4
    assert told["sent"] == 20
    assert told["seconds"] >= 0.019


def test_templates_of_the_flood_differ() -> None:
    """No two templates of a flood are alike, so that none is served by the code of another."""
    bodies = [tuple(fields) for fields in flood.bodies(10_000)]
    assert len(set(bodies)) == 10_000


def test_flows_of_the_peer() -> None:
    """Flows are counted once in whatever protocol: records of v9 and IPFIX, v5 as it counts them, sFlow samples."""
    samples = [
        Sample("goflow2_flow_process_nf_flowset_records_total", {"type": "DataFlowSet", "version": "9"}, 24),
        Sample("goflow2_flow_process_nf_flowset_records_total", {"type": "TemplateFlowSet", "version": "9"}, 1),
        Sample("goflow2_flow_process_nf_flowset_total", {"type": "DataFlowSet", "version": "9"}, 1),
        Sample("goflow2_flow_process_nf_flowset_total", {"type": "DataFlowSet", "version": "5"}, 30),
        Sample("goflow2_flow_process_sf_samples_total", {"type": "FlowSample", "version": "5"}, 6),
        Sample("goflow2_flow_process_sf_samples_records_total", {"type": "FlowSample", "version": "5"}, 12),
    ]
    assert peers.flows(samples) == 60


def test_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go the bench says in one line what to install, and how to do without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"install golang-go .* --no-peer"):
        peers.install(tmp_path)


def test_free_ports_differ() -> None:
    """Ports that are handed out together are not the same one."""
    assert len(set(free_ports(8))) == 8


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stages(world: World, files: Files, tmp_path: Path, protocol: str) -> None:
    """Every stage of every protocol is measured, and every flow of the streams becomes a document."""
    figures = stages.stages(protocol, Bench(world, files, tmp_path, NOW_S, 480, 2))
    names = ["receive", "decode", "pipeline", "pipeline, lean", "pipeline, new"]
    names += ["pipeline, RiskIQ", "output", "an address"]
    assert [figure.name for figure in figures] == names
    assert all(len(figure.us_per_flow) == 2 for figure in figures)


def test_parts_and_statements(world: World, files: Files, tmp_path: Path) -> None:
    """What is left out makes the document shorter; the generated code is measured statement by statement."""
    bench = Bench(world, files, tmp_path, NOW_S, 480, 1)
    everything, *without = stages.parts("netflow9", bench)
    assert all(_octets(figure) < _octets(everything) for figure in without)
    names = {figure.name for figure in ablation.ablation("netflow9", bench)}
    assert {"write", "the text", "community_id"} <= names


def _octets(figure: Figure) -> int:
    return int(figure.text.partition(" ")[0])


def test_quiet_figure() -> None:
    """The quiet figure adds up the best round of each slice, so it is never above the best round."""
    rounds = iter([[1_000, 9_000], [8_000, 2_000]])
    (figure,) = interleaved([Stage("a", "", lambda: next(rounds))], 1, 2)
    assert figure.us_per_flow == [10, 10]
    assert figure.quiet_us == 3


@pytest.mark.stack
def test_quick_bench(tmp_path: Path) -> None:
    """A worker carries a small load and a small flood of templates; the figures are written as JSON."""
    command = [sys.executable, "-m", "bench", "load", "flood", "--quick", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["load"][0]["lost"] == 0
    assert [each["source_ports"] for each in figures["flood"]] == [1, 500]
