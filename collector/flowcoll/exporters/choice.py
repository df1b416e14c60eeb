"""Which exporters are shown, and in which order."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from flowcoll.errors import FlowcollError
from flowcoll.exporters import Row

Network = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """Read an address or a network; an address within a network will do. FlowcollError."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise FlowcollError(f"{text}: is no address and no network; write 192.0.2.1 or 192.0.2.0/24") from None


def chosen(view: Mapping[str, Any], order: str, networks: Sequence[Network] = ()) -> dict[str, Any]:
    """Give a view with the exporters of these networks alone, all if there are none, in an order of ORDERS."""
    rows = [row for row in view["exporters"] if not networks or _within(row, networks)]
    return {**view, "exporters": sorted(rows, key=ORDERS[order]), "others": 0 if networks else view["others"]}


def _within(row: Row, networks: Sequence[Network]) -> bool:
    """Whether the address of an exporter, or that of the sFlow agent, is in one of them."""
    addresses = [ip_address(each) for each in (row["address"], row.get("agent")) if each]
    return any(address in each for address in addresses for each in networks)


def _by_address(row: Row) -> tuple[Any, ...]:
    address = ip_address(row["address"])
    return address.version, int(address), row["protocol"], row.get("agent", ""), row["domain"]


def _by_flows(row: Row) -> tuple[Any, ...]:
    return -row.get("flows_per_second", 0), -row.get("flows", 0), _by_address(row)


def _by_loss(row: Row) -> tuple[Any, ...]:
    sequence = row.get("sequence", {})
    return -sequence.get("share", 0), -sequence.get("lost", 0), _by_address(row)


ORDERS: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "flows": _by_flows,
    "loss": _by_loss,
    "address": _by_address,
}
"""The most active first; who loses the largest part first; by address."""
