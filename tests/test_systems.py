"""Autonomous systems of addresses from a list that is downloaded."""

from collections.abc import Mapping

from flowcoll.enrich.locality import parse
from flowcoll.enrich.systems import Systems
from tables import table

MADE = table(
    [
        (parse("8.8.0.0"), parse("8.8.255.255"), b"64500\nExample Net"),
        (parse("8.8.8.0"), parse("8.8.8.255"), b"64501\n"),
        (parse("2a00::"), parse("2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), b"64502\nSix\n64503\nSeven"),
    ]
)


class Other:
    """Another provider, which knows everything."""

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        return {"as.number": 1, "as.organization.name": text}, 20


def test_facts_of_a_network() -> None:
    """Number and organization as far as the list says them, and the prefix for which they hold."""
    systems = Systems()
    systems.use(MADE)
    assert systems.network("8.8.9.9") == ({"as.number": 64500, "as.organization.name": "Example Net"}, 24)
    assert systems.network("8.8.200.1") == ({"as.number": 64500, "as.organization.name": "Example Net"}, 17)
    assert systems.network("8.8.8.8") == ({"as.number": 64501}, 24)
    assert systems.network("2a00::8") == ({"as.number": 64502, "as.organization.name": "Six"}, 16)
    assert systems.network("9.9.9.9") == ({}, 8)


def test_without_a_table_nothing_is_known() -> None:
    """Until the list has been fetched there are no facts, of no network."""
    assert Systems().network("8.8.8.8") == ({}, 0)


def test_where_the_list_says_nothing_another_provider_does() -> None:
    """Facts come from one of the two, never from both; what another one says holds for no more than both networks."""
    systems = Systems(Other())
    assert systems.network("8.8.8.8") == ({"as.number": 1, "as.organization.name": "8.8.8.8"}, 20)
    systems.use(MADE)
    assert systems.network("8.8.8.8") == ({"as.number": 64501}, 24)
    assert systems.network("8.9.0.1") == ({"as.number": 1, "as.organization.name": "8.9.0.1"}, 20)
    assert systems.network("2a01::1")[1] == 20


def test_its_state_is_told() -> None:
    """Who looks after the table tells how it is."""
    systems = Systems()
    assert systems.state() == {}
    systems.watch(lambda: {"state": "waiting"})
    assert systems.state() == {"state": "waiting"}
