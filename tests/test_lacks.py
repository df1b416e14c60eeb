"""What a template is said to lack is what its documents lack, and each element that is named mends it."""

import io
import json

import pytest

from exported import FLOW, data, ipfix, netflow9, template
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements
from flowcoll.exporters.lacks import LACKS, LEGEND, SAMPLING, lacking
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

T0 = 1_750_000_000
_VALUES = {
    **FLOW,
    "sourceIPv4Address": "2.125.160.216",  # a private address has no autonomous system
    "destinationIPv4Address": "81.2.69.160",
    "sourceIPv6Address": "2001:218::1",
    "destinationIPv6Address": "2001:480:10::1",
}
_TIME = {"dateTimeSeconds": T0 - 5, "dateTimeMilliseconds": T0 * 1000 - 5_000}

EACH = [
    pytest.param(lack, part, alternative, id=f"{part.field} {alternative}")
    for lack in LACKS
    for part in lack.parts
    for alternative in part.alternatives
]
TYPES = {element.name: element.type for element in Elements()._known.values()}


def document(names, protocol="ipfix"):
    """What comes of a record with these elements."""
    record = {name: _VALUES.get(name, _TIME.get(TYPES[name], 6)) for name in names}
    sets = (template(256, record, 2 if protocol == "ipfix" else 0), data(256, record))
    octets = (ipfix if protocol == "ipfix" else netflow9)(*sets, time=T0)
    pipeline = Pipeline(defaults(), Counts(), Log(io.StringIO()))
    pipeline.handle(octets, ("192.0.2.1", 50_000), T0 * 1000)
    return json.loads(pipeline.take()[0])


def holds(found, path):
    """Whether a document has a field; a rate that nobody has said does not count."""
    if path == "flow.sampling.rate":
        return found["flow"]["sampling"]["source"] != "none"
    for name in path.split("."):
        if name not in found:
            return False
        found = found[name]
    return True


def _given(part, without):
    """Elements of an alternative that has none of some names."""
    return next(names for each in part.alternatives if not (names := set(each.split())) & without)


@pytest.mark.parametrize(("lack", "part", "alternative"), EACH)
def test_each_alternative_gives_the_field(lack, part, alternative):
    """With the elements of one alternative a document has the field, without them it has not, and that is said."""
    named = {name for each in part.alternatives for name in each.split()}
    others = set().union(*(_given(each, named) for each in lack.parts if each is not part))
    base = [name for name in FLOW if name not in named] + sorted(others - FLOW.keys())
    full = [*base, *alternative.split()]
    assert holds(document(full), part.field)
    assert not holds(document(base), part.field)
    assert lack.name in lacking("ipfix", base)
    assert lack.name not in lacking("ipfix", full)


def test_uptime_is_in_the_header_of_netflow9():
    """Times since the start of the exporter need nothing else in NetFlow v9; in IPFIX they do."""
    names = [*FLOW, "flowStartSysUpTime", "flowEndSysUpTime"]
    for protocol, missing in (("netflow9", False), ("ipfix", True)):
        found = document(names, protocol)
        assert holds(found, "event.start") is not missing
        assert ("times" in lacking(protocol, names)) is missing


def test_half_is_missing_too():
    """Who says where traffic enters and not where it leaves lacks interfaces."""
    assert "interfaces" in lacking("ipfix", ["ingressInterface"])
    assert "interfaces" not in lacking("ipfix", ["ingressInterface", "egressInterface"])


def test_every_element_exists():
    """Every element that is named is one that the collector knows."""
    named = {name for lack in LACKS for part in lack.parts for each in part.alternatives for name in each.split()}
    assert named <= Elements().names()


def test_legend():
    """Everything has its words, what it costs, and a name of its own."""
    assert len(LEGEND) == len(LACKS)
    assert SAMPLING in LEGEND
    assert all(lack.words and lack.cost and lack.cisco for lack in LACKS)
    assert json.loads(json.dumps(LEGEND["interfaces"]))["elements"] == [["ingressInterface"], ["egressInterface"]]
