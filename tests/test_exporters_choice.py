"""Exporters are shown in the order and from the networks that were asked for."""

import pytest

from flowcoll.errors import FlowcollError
from flowcoll.exporters.choice import ORDERS, chosen, network

VIEW = {
    "exporters": [
        {"address": "192.0.2.10", "protocol": "ipfix", "domain": 1, "flows_per_second": 5.0, "flows": 9, "sequence": {"share": 0.1, "lost": 5}},
        {"address": "2001:db8::1", "protocol": "ipfix", "domain": 1, "flows_per_second": 5.0, "flows": 10, "sequence": {"share": 0.1, "lost": 6}},
        {"address": "192.0.2.9", "protocol": "sflow5", "agent": "198.51.100.4", "domain": 0, "flows_per_second": 7.0, "flows": 1, "sequence": {"share": 0.0, "lost": 0}},
    ],
    "others": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("flows", ["192.0.2.9", "2001:db8::1", "192.0.2.10"]),
        ("loss", ["2001:db8::1", "192.0.2.10", "192.0.2.9"]),
        ("address", ["192.0.2.9", "192.0.2.10", "2001:db8::1"]),
    ],
)
def test_order(order, expected):
    """The busiest first; who loses most first; or by address, IPv4 first, each by number."""
    assert [row["address"] for row in chosen(VIEW, order)["exporters"]] == expected


@pytest.mark.parametrize("order", ORDERS)
def test_rows_that_know_less(order):
    """What is read from the state directory, where nothing was counted, can be put in any order."""
    rows = [{"address": f"192.0.2.{number}", "protocol": "ipfix", "domain": 0} for number in (3, 20, 1)]
    found = chosen({"exporters": rows, "others": 0}, order)["exporters"]
    assert [row["address"] for row in found] == ["192.0.2.1", "192.0.2.3", "192.0.2.20"]


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        (["192.0.2.0/28"], ["192.0.2.9", "192.0.2.10"]),
        (["192.0.2.10"], ["192.0.2.10"]),
        (["2001:db8::/32", "192.0.2.10"], ["192.0.2.10", "2001:db8::1"]),
        (["198.51.100.0/24"], ["192.0.2.9"]),
        (["203.0.113.1"], []),
    ],
)
def test_networks(networks, expected):
    """An exporter is shown if its address, or that of its sFlow agent, is in one of the networks."""
    view = chosen(VIEW, "address", [network(each) for each in networks])
    assert [row["address"] for row in view["exporters"]] == expected
    assert view["others"] == 0


def test_no_network():
    """What is neither address nor network is told with what to write instead."""
    with pytest.raises(FlowcollError, match=r"192\.0\.2\.300: is no address and no network; write 192\.0\.2\.1 or"):
        network("192.0.2.300")
