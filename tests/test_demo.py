import csv
import ipaddress
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dpkt
import pytest

from fakes.passivetotal import data
from oracle_sflow import sflow5
from oracle_wire import Exporter, Record

ROOT = Path(__file__).parent.parent
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("EF_")} | {"COLUMNS": "80"}


class Run(NamedTuple):
    """What a run of the demo left."""

    code: int
    out: str
    err: str
    documents: list[dict[str, Any]]

    def table(self, title: str) -> list[str]:
        """The rows of a table of the summary."""
        after = self.out.split(f"\n{title}", 1)[1].split("\n\n", 1)[0]
        return after.splitlines()[3:]


def checkout(folder: Path) -> Path:
    """What the demo needs of the repository, as in a fresh clone."""
    shutil.copytree(ROOT / "demo", folder / "demo", ignore=shutil.ignore_patterns("out", "__pycache__"))
    (folder / "tests" / "data").mkdir(parents=True)
    for name in ("golden", "fakes"):
        (folder / "tests" / name).symlink_to(ROOT / "tests" / name)
    (folder / "tests" / "data" / "geo").symlink_to(ROOT / "tests" / "data" / "geo")
    return folder


def command(folder: Path) -> list[str]:
    return [sys.executable, str(folder / "demo" / "demo.py")]


def run(folder: Path) -> Run:
    done = subprocess.run(
        command(folder), check=False, env=ENVIRON, capture_output=True, text=True, timeout=60, cwd="/"
    )
    flows = folder / "demo" / "out" / "flows.ndjson"
    documents = [json.loads(line) for line in flows.read_text().splitlines()] if flows.exists() else []
    return Run(done.returncode, done.stdout, done.stderr, documents)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The demo, run twice at the same place."""
    folder = checkout(tmp_path_factory.mktemp("checkout"))
    return run(folder), run(folder)


@pytest.fixture(scope="module")
def first(runs: tuple[Run, Run]) -> Run:
    return runs[0]


def captures() -> Mapping[Path, str]:
    """The captures that the demo replays, and what it calls their exporters."""
    return runpy.run_path(str(ROOT / "demo" / "exports.py"))["EXPORTS"]


def datagrams(capture: Path) -> Iterator[tuple[str, int, bytes]]:
    """Source and octets of each datagram, read with dpkt."""
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(frame).data
            yield socket.inet_ntoa(packet.src), packet.data.sport, packet.data.data


def records(capture: Path) -> Iterator[Record]:
    """The flow records of a capture, read by the slow oracle, which shares no code with the collector."""
    exporters: dict[str, Exporter] = {}
    for source, port, octets in datagrams(capture):
        exporter = exporters.setdefault(source, Exporter(source))
        match int.from_bytes(octets[:2], "big"):
            case 5:
                yield from exporter.netflow5(octets, 0)
            case 9:
                yield from exporter.netflow9(octets, port, 0)
            case 10:
                yield from exporter.ipfix(octets, port, 0)
            case 0:
                yield from sflow5(octets, source, 0)


@pytest.fixture(scope="module")
def expected() -> list[Record]:
    return [record for capture in captures() for record in records(capture)]


def ends(record: Record) -> set[str]:
    """The addresses between which a record's packets went."""
    names = [f"{end}IPv{version}Address" for end in ("source", "destination") for version in (4, 6)]
    return {str(record.values[name]) for name in names if name in record.values}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_ends_by_itself(runs: tuple[Run, Run]) -> None:
    """The demo exits with 0, says nothing on standard error, and fits 80 columns; so it does a second time."""
    for one in runs:
        assert (one.code, one.err) == (0, "")
        assert max(map(len, one.out.splitlines())) <= 80
        assert "Traceback" not in one.out


def test_second_run(runs: tuple[Run, Run]) -> None:
    """A second run replaces the documents of the first."""
    first, second = runs
    assert len(first.documents) == len(second.documents) > 0
    assert second.documents[0]["@timestamp"] > first.documents[-1]["@timestamp"]


def test_flows(first: Run, expected: list[Record]) -> None:
    """Every flow record of the captures is a document and is counted in the table, for its exporter and protocol."""
    counted = Counter((record.header.observer, f"{record.header.type} {record.header.version}") for record in expected)
    written = Counter(
        (document["observer"]["ip"], "{type} {version}".format(**document["flow"]["export"]))
        for document in first.documents
    )
    assert written == counted
    rows = [
        re.fullmatch(r"(\S+) +(.*?) +((?:netflow|ipfix|sflow) \d+) +([\d,]+) +\S+ \w+ *", row)
        for row in first.table("Exporters")
    ]
    assert {(row[1], row[3]): number(row[4]) for row in rows if row} == dict(counted)
    names = {datagram[0]: name for capture, name in captures().items() for datagram in datagrams(capture)}
    assert {row[1]: row[2] for row in rows if row}.items() <= names.items()
    assert f"flows {len(expected):,}, " in first.out
    assert {kind for _, kind in counted} == {"netflow 5", "netflow 9", "ipfix 10", "sflow 5"}


def listed() -> Iterator[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str, str]]:
    """Network, threat and feed of each row of both lists that may match: those of private addresses may not."""
    lines = (ROOT / "demo" / "threats.csv").read_text().splitlines()
    rows = [(row["address"], row["threat"], row["feed"]) for row in csv.DictReader(lines[1:])]
    rows += [(row["ip"], row["threat"], "riskiq") for row in data("blocklist")]
    for address, threat, feed in rows:
        network = ipaddress.ip_network(address)
        if not network.is_private:
            yield network, threat, feed


def hits(addresses: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for address in addresses:
        for network, threat, feed in listed():
            if ipaddress.ip_address(address) in network:
                yield address, threat, feed


def test_threats(first: Run, expected: list[Record]) -> None:
    """The table has each listed address with its flows, what it is called, and every feed that names it."""
    flows = Counter(address for record in expected for address in ends(record) if any(hits([address])))
    named = {hit for record in expected for hit in hits(ends(record))}
    assert len(named) > len(flows), "an address in two feeds is part of the story"
    shown: defaultdict[str, list[str]] = defaultdict(list)
    counted = {}
    address = ""
    for row in first.table("Threat hits"):
        found = re.fullmatch(r"(\S*) +(\S.*?)  +(\S+)(?: +([\d,]+) +\S+ \w+)? *", row)
        assert found
        address = found[1] or address
        shown[address].append((found[2], found[3]))
        if found[4]:
            counted[address] = number(found[4])
    assert counted == flows
    assert {(address, *hit) for address, found in shown.items() for hit in found} == named


def test_private_address(first: Run, expected: list[Record]) -> None:
    """A private address that the list names has flows in the demo, and no hit."""
    assert any("10.20.1.14" in ends(record) for record in expected)
    for document in first.documents:
        assert "10.20.1.14" not in document.get("sec", {}).get("threat", {}).get("ip", {}).get("addr", [])


def test_document(first: Run) -> None:
    """The document that is shown stands in the line of the file that the hint names, and all its feeds are in it."""
    text = first.out.split("shortened", 1)[1].split("\n", 1)[1].split("\n\n", 1)[0]
    shown = json.loads(text)
    whole = first.documents[number(re.search(r"sed -n ([\d]+)p demo/out/flows.ndjson", first.out)[1]) - 1]
    assert contains(whole, shown)
    assert shown["sec"]["threat"]["feed"]["name"] == ["example-botnets", "example-malware", "riskiq"]


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part


def test_refused(first: Run) -> None:
    """What was refused is counted and named: broken datagrams, a stranger's datagram; no data before their template."""
    total = sum(1 for capture in captures() for _ in datagrams(capture))
    assert f"datagrams {total:,}, refused 2;" in first.out
    rows = {tuple(re.split(r"  +", row.strip())) for row in first.table("Refused, passed over, waiting")}
    assert rows >= {
        ("datagrams refused", "a record count of 0, or beyond what a datagram holds", "1"),
        ("datagrams refused", "neither NetFlow v5, v9, IPFIX nor sFlow", "1"),
        ("records refused", "sFlow sample without a packet that can be read", "1"),
    }
    assert [row for row in rows if row[0].startswith("sets") and row[0] != "sets skipped"] == []


def test_talkers_and_countries(first: Run) -> None:
    """Talkers and countries are those of the documents, the largest first."""
    countries, talkers = Counter(), Counter()
    for document in first.documents:
        octets = document["network"].get("bytes", 0)
        found = [document[end].get("geo", {}) for end in ("source", "destination")]
        countries.update(
            dict.fromkeys({f"{geo['country_iso_code']} {geo['country_name']}" for geo in found if geo}, octets)
        )
        talkers.update(dict.fromkeys([document["source"]["ip"], document["destination"]["ip"]], octets))
    rows = [re.split(r"  +", row.strip())[0] for row in first.table("Countries")]
    assert rows == [name for name, _ in countries.most_common(10)]
    rows = [row.split()[0] for row in first.table("Top talkers")]
    assert sorted(rows) == sorted(name for name, _ in talkers.most_common(10))


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C is one line and exit code 130, and the collector does not outlive the demo."""
    folder = checkout(tmp_path)
    with subprocess.Popen(
        command(folder), env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        for line in demo.stdout:
            if line.startswith("started"):
                break
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=30)
    assert (demo.returncode, err) == (130, "demo: interrupted; the collector is stopped\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", int(re.search(r"UDP port (\d+)", line)[1])))


def test_failure(tmp_path: Path) -> None:
    """A collector that cannot start is one line that gives its reason."""
    folder = checkout(tmp_path)
    (folder / "demo" / "threats.csv").unlink()
    done = run(folder)
    assert done.code == 1
    assert done.err.startswith(
        "demo: the collector ended with exit code 78: EF_PROCESSOR_ENRICH_IPADDR_THREAT_DEMO_PATH"
    )
    assert done.err.count("\n") == 1
    assert "(log: demo/out/flowcoll.log)" in done.err
