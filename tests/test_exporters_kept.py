"""When no collector runs, what it has kept tells of exporters what it can, and reading it changes nothing."""

import io
from pathlib import Path

import pytest

from exported import FLOW, data, ipfix, netflow9, template
from flowcoll.collect.keeping import Keeping
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.errors import SetupError
from flowcoll.exporters.kept import read
from flowcoll.exporters.lacks import LEGEND
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

T0 = 1_750_000_000
SAMPLER = {"samplerId": 1, "samplerRandomInterval": 100}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a collector has kept that received some datagrams."""
    counts, log = Counts(), Log(io.StringIO())
    pipeline = Pipeline(defaults(), counts, log)
    keeping = Keeping(tmp_path / "templates", pipeline.memory, counts, log, clock=lambda: T0)
    options = template(300, SAMPLER, kind=3, scopes=1) + data(300, SAMPLER)
    for octets, exporter in (
        (ipfix(template(256, FLOW), data(256, FLOW), options, time=T0), ("192.0.2.1", 4739)),
        (ipfix(template(256, FLOW), time=T0), ("192.0.2.1", 4740)),
        (netflow9(template(256, FLOW, kind=0), template(257, FLOW, kind=0), time=T0), ("2001:db8::1", 2055)),
        (netflow9(data(256, FLOW), time=T0), ("192.0.2.9", 2055)),
    ):
        pipeline.handle(octets, exporter, T0 * 1000)
    keeping.finish()
    return tmp_path / "templates"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_kept(folder: Path) -> None:
    """Each domain has a row with templates, sampling and what is lacking; it is not known what came and when."""
    before = contents(folder)
    view = read(folder)
    rows = {row["address"]: row for row in view["exporters"]}
    assert rows["192.0.2.1"] == {
        "address": "192.0.2.1",
        "ports": [4739, 4740],
        "port_count": 2,
        "protocol": "ipfix",
        "domain": 7,
        "templates": {"data": 1, "options": 1},
        "sampling": {"rate": 100, "source": "options", "samplers": {"1": 100}},
        "lacks": ["as_numbers", "direction", "interfaces", "tcp_flags", "times", "type_of_service"],
        "lacks_in": {},
        "last_used": "2025-06-15T15:06:40.000Z",
        "waiting": {"sets": 0, "bytes": 0},
    }
    assert rows["2001:db8::1"]["templates"] == {"data": 2, "options": 0}
    assert (rows["192.0.2.9"]["protocol"], rows["192.0.2.9"]["waiting"]["sets"]) == ("netflow9", 1)
    assert rows["192.0.2.9"]["last_used"] is None
    assert (view["others"], view["unusable"], view["lacks"]) == (0, 0, LEGEND)
    assert contents(folder) == before


def test_unusable_files(folder: Path) -> None:
    """A file that is not whole is passed over, counted, and left as it is."""
    path = folder / "192.0.2.1.templates"
    path.write_bytes(path.read_bytes()[:-3])
    before = contents(folder)
    view = read(folder)
    assert view["unusable"] == 1
    assert {row["address"] for row in view["exporters"]} == {"2001:db8::1", "192.0.2.9"}
    assert contents(folder) == before


def test_nothing_is_kept(tmp_path: Path) -> None:
    """Where nothing is kept, the option is named that says where to look."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SetupError, match=r"nothing is kept of exporters in .*; EF_STATE_PATH names"):
            read(folder)


def test_no_folder(tmp_path: Path) -> None:
    """What cannot be read is told with the reason."""
    (tmp_path / "templates").write_text("")
    with pytest.raises(SetupError, match=r"cannot read .* \(Not a directory\); EF_STATE_PATH names"):
        read(tmp_path / "templates")
