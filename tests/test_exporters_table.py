"""The tables fit the terminal, hide what nobody has, and say what each lack costs once."""

import io

import pytest
from rich.console import Console

from exported import FLOW, data, ipfix, netflow5, netflow9, sflow5, template
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.exporters.choice import chosen
from flowcoll.exporters.lacks import LEGEND
from flowcoll.exporters.merge import merge
from flowcoll.exporters.table import show
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

T0 = 1_750_000_000


def shown(view, width=100, **how):
    """The text that is printed, without spaces at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, record=True)
    show(console, view, T0 + 65, **how)
    return [line.rstrip() for line in console.export_text().splitlines()]


def view(*received, others=0):
    """A view of what came from 192.0.2.1, 192.0.2.2 and so on."""
    pipeline = Pipeline(defaults(), Counts(), Log(io.StringIO()))
    for number, octets in enumerate(received, 1):
        pipeline.handle(octets, (f"192.0.2.{number}", 2055), T0 * 1000)
    told = pipeline.exporters(T0 * 1000 + 5_000)
    return chosen(merge([{**told, "others": others}]), "address")


FLOWS = template(256, FLOW, kind=0) + data(256, FLOW)
LATE = netflow9(FLOWS, time=T0 - 7200)


def test_one_line_for_each():
    """Each exporter has a line with what it sends, loses and says, and one with what it lacks."""
    view_ = view(LATE, netflow5(30, sampling=100, time=T0), sflow5(512), ipfix(data(256, FLOW), time=T0), others=1200)
    lines = shown(view_)
    assert lines[:15] == [
        "Exporters",
        "exporter               protocol  domain  templ.  flows/s  lost  sampling       clock  waits  heard",
        "─" * 99,
        "192.0.2.1              netflow9       7       1     0.20     0  not said      -2.0 h         1 min",
        "192.0.2.2              netflow5       0              6.0     0  1:100 header   right         1 min",
        "192.0.2.3 (192.0.2.9)  sflow5         3             0.20     0  1:512 record                 1 min",
        "192.0.2.4              ipfix          7       0        0     0  not said       right      1  1 min",
        "and 1,200 others, less active",
        "",
        "What templates lack",
        "exporter   protocol  domain  lacking",
        "─" * 100,
        "192.0.2.1  netflow9       7  times, interfaces, TCP flags, AS numbers, direction, type of service,",
        "                             sampling",
        "192.0.2.2  netflow5       0  direction",
    ]


def test_what_it_costs_is_said_once():
    """However many exporters lack something, its words stand once; what none lacks is not spoken of."""
    lines = shown(view(netflow5(time=T0), netflow5(time=T0)))
    told = [line for line in lines if any(line.startswith(f"{lack['what']}: ") for lack in LEGEND.values())]
    assert [line.partition(":")[0] for line in told] == ["direction", "sampling"]
    assert "    said by flowDirection" in lines


def test_advice():
    """Lines for a Cisco router are shown when they are asked for."""
    found = view(netflow5(sampling=100, time=T0))
    line = "    Cisco Flexible NetFlow: collect flow direction"
    assert line not in shown(found)
    assert line in shown(found, advice=True)


def test_a_narrow_terminal():
    """What does not fit is left out whole, and named."""
    found = view(LATE, ipfix(data(256, FLOW), time=T0), netflow5(30, sampling=1000, time=T0))
    lines = shown(found, 76)
    assert " ".join(lines[1].split()) == "exporter protocol domain flows/s lost sampling clock waits heard"
    assert "a wider terminal shows more: templ." in lines
    lines = shown(found, 60)
    assert " ".join(lines[1].split()) == "exporter protocol flows/s lost sampling clock heard"
    assert "a wider terminal shows more: templ., waits, domain" in lines


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_width(width):
    """No line is wider than the terminal, and addresses stay whole."""
    lines = shown(view(LATE, netflow5(30, sampling=100, time=T0), sflow5(512)), width)
    assert max(map(len, lines)) <= width
    assert any(line.startswith("192.0.2.1 ") for line in lines)


def test_nothing_lacking():
    """Where nothing is lacking, that is not spoken of."""
    assert shown(view(sflow5(512)))[-1].startswith("192.0.2.1 (192.0.2.9)  sflow5")


def test_nobody():
    """When there is no exporter to show, that is said."""
    assert shown(view()) == ["no exporter to show"]


def test_what_is_kept():
    """Of what was kept there are no rates, and it says when it was used last."""
    row = {
        "address": "192.0.2.1",
        "protocol": "ipfix",
        "domain": 7,
        "templates": {"data": 3, "options": 2},
        "sampling": {"rate": None, "source": "none"},
        "lacks": [],
        "lacks_in": {},
        "waiting": {"sets": 0, "bytes": 0},
        "last_used": "2025-06-15T14:07:45.000Z",
    }
    lines = shown({"exporters": [row], "others": 0, "lacks": LEGEND})
    assert lines == [
        "Exporters",
        "exporter   protocol  domain  templ.  sampling   used",
        "─" * 53,
        "192.0.2.1  ipfix          7     3+2  not said  1.0 h",
    ]
