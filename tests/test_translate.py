import csv
from importlib.resources import files

import pytest

from flowcoll.enrich import translate

TABLES = {
    "TRANSPORT": 256,
    "TCP_TAGS": 256,
    "DSCP": 64,
    "ECN": 4,
    "DSCP_OF_TOS": 256,
    "ECN_OF_TOS": 256,
    "ICMP4_TYPE": 256,
    "ICMP6_TYPE": 256,
    "FLOW_END_REASON": 256,
    "FLOW_DIRECTION": 256,
    "FORWARDING_STATUS": 256,
    "FORWARDING_REASON": 256,
}


@pytest.mark.parametrize(("name", "size"), TABLES.items())
def test_every_value_has_words(name: str, size: int) -> None:
    """A table answers for every value that its field can hold."""
    table = getattr(translate, name)
    assert len(table) == size
    assert all(words for words in table) or name == "TCP_TAGS"


@pytest.mark.parametrize(
    ("table", "value", "words"),
    [
        *(("TRANSPORT", 1, "icmp"), ("TRANSPORT", 6, "tcp"), ("TRANSPORT", 17, "udp"), ("TRANSPORT", 47, "gre")),
        *(("TRANSPORT", 50, "esp"), ("TRANSPORT", 58, "ipv6-icmp"), ("TRANSPORT", 132, "sctp")),
        *(("TRANSPORT", 0, "hopopt"), ("TRANSPORT", 145, "nsh"), ("TRANSPORT", 61, "61"), ("TRANSPORT", 200, "200")),
        *(("TRANSPORT", 253, "253"), ("TRANSPORT", 255, "255")),
        *(("DSCP", 0, "CS0"), ("DSCP", 1, "LE"), ("DSCP", 8, "CS1"), ("DSCP", 10, "AF11"), ("DSCP", 34, "AF41")),
        *(("DSCP", 38, "AF43"), ("DSCP", 44, "VOICE-ADMIT"), ("DSCP", 46, "EF"), ("DSCP", 56, "CS7"), ("DSCP", 3, "3")),
        *(("DSCP_OF_TOS", 0xB8, "EF"), ("DSCP_OF_TOS", 0xBB, "EF"), ("ECN_OF_TOS", 0xBB, "CE"), ("ECN", 1, "ECT(1)")),
        *(("ICMP4_TYPE", 8, "Echo"), ("ICMP4_TYPE", 0, "Echo Reply"), ("ICMP4_TYPE", 3, "Destination Unreachable")),
        *(
            ("ICMP4_TYPE", 200, "200"),
            ("ICMP6_TYPE", 128, "Echo Request"),
            ("ICMP6_TYPE", 135, "Neighbor Solicitation"),
        ),
        *(("FLOW_END_REASON", 1, "idle timeout"), ("FLOW_END_REASON", 5, "lack of resources")),
        *(("FLOW_END_REASON", 9, "9"), ("FLOW_DIRECTION", 0, "ingress"), ("FLOW_DIRECTION", 1, "egress")),
        *(("FLOW_DIRECTION", 255, "255"), ("FORWARDING_STATUS", 64, "Forwarded"), ("FORWARDING_STATUS", 0, "Unknown")),
        *(("FORWARDING_STATUS", 130, "Dropped"), ("FORWARDING_REASON", 130, "ACL drop")),
        *(("FORWARDING_STATUS", 193, "Consumed"), ("FORWARDING_REASON", 193, "Punt Adjacency")),
        *(("FORWARDING_REASON", 129, "ACL deny"), ("FORWARDING_REASON", 99, "99")),
    ],
)
def test_words(table: str, value: int, words: str) -> None:
    """A value has the words of its registry, or itself where it has none."""
    assert getattr(translate, table)[value] == words


@pytest.mark.parametrize(
    ("bits", "tags"),
    [
        (0, ()),
        (2, ("SYN",)),
        (0x12, ("SYN", "ACK")),
        (0x3F, ("FIN", "SYN", "RST", "PSH", "ACK", "URG")),
        (0xC0, ("ECE", "CWR")),
    ],
)
def test_tcp_tags(bits: int, tags: tuple[str, ...]) -> None:
    """The tags are those of the bits set, from the lowest on."""
    assert translate.TCP_TAGS[bits] == tags


def test_tcp_tags_say_all_bits() -> None:
    """No two combinations of bits have the same tags."""
    assert len(set(translate.TCP_TAGS)) == 256


def test_protocols_are_all_that_is_assigned() -> None:
    """Every number up to 147 has a row, but for the five that are assigned without a keyword; no keyword is used twice."""
    rows = list(
        csv.DictReader(files("flowcoll.enrich").joinpath("protocols.csv").read_text(encoding="ascii").splitlines())
    )
    assert {int(row["number"]) for row in rows} == set(range(148)) - {61, 63, 68, 99, 114}
    keywords = [row["keyword"] for row in rows]
    assert len(set(keywords)) == len(keywords)
    assert all(keyword == keyword.lower() for keyword in keywords)
