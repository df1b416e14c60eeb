import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.client_server import CLIENT_PORTS, KNOWN, decide, expression, names
from flowcoll.enrich.services import SERVICES

PROTOCOLS = st.one_of(st.sampled_from([1, 6, 17, 33, 47, 58, 132, 136]), st.integers(0, 255))
PORTS = st.one_of(st.sampled_from([0, 53, 67, 68, 80, 443, 546, 547, 40000, 50000]), st.integers(0, 65535))
FLAGS = st.one_of(st.sampled_from([0, 2, 0x12, 0x1B, 0xC2]), st.integers(0, 65535))


def compiled(tcp_flags: str | None) -> object:
    return eval(f"lambda p, f, s, d: {expression('p', tcp_flags, 's', 'd')}", dict(names()))


WITH_FLAGS, WITHOUT_FLAGS = compiled("f"), compiled(None)


@pytest.mark.parametrize(
    ("protocol", "flags", "src_port", "dst_port", "expected"),
    [
        pytest.param(6, 0x02, 443, 50000, (False, "syn"), id="a SYN goes to the server, whatever the ports"),
        pytest.param(6, 0xC2, 443, 50000, (False, "syn"), id="a SYN that negotiates ECN, too"),
        pytest.param(6, 0x12, 443, 50000, (True, "service_port"), id="SYN and ACK come from the server"),
        pytest.param(6, 0x1B, 50000, 443, (False, "service_port"), id="known destination"),
        pytest.param(6, 0x1B, 443, 50000, (True, "service_port"), id="known source"),
        pytest.param(6, 0x1B, 1025, 3306, (False, "service_port"), id="known beats lower"),
        pytest.param(17, 0x02, 53, 40000, (True, "service_port"), id="no SYN in UDP"),
        pytest.param(17, 0, 68, 67, (False, "service_port"), id="bootpc is the client"),
        pytest.param(17, 0, 546, 547, (False, "service_port"), id="dhcpv6-client is the client"),
        pytest.param(6, 0x1B, 443, 80, (False, "lower_port"), id="both known: the lower"),
        pytest.param(6, 0x1B, 80, 443, (True, "lower_port"), id="both known: the lower, at the source"),
        pytest.param(6, 0x1B, 40000, 50000, (True, "lower_port"), id="none known: the lower"),
        pytest.param(6, 0x1B, 0, 50000, (False, "lower_port"), id="0 is no port, destination"),
        pytest.param(6, 0x1B, 50000, 0, (True, "lower_port"), id="0 is no port, source"),
        pytest.param(17, 0, 123, 123, (False, "destination"), id="equal known ports"),
        pytest.param(17, 0, 40000, 40000, (False, "destination"), id="equal unknown ports"),
        pytest.param(17, 0, 0, 0, (False, "destination"), id="no ports at all"),
        pytest.param(1, 0, 0, 2048, (False, "destination"), id="ICMP type and code are no ports"),
        pytest.param(47, 2, 1, 2, (False, "destination"), id="GRE has none"),
        pytest.param(6, 0, 51820, 60000, (True, "lower_port"), id="known for UDP is not known for TCP"),
    ],
)
def test_rule(protocol: int, flags: int, src_port: int, dst_port: int, expected: tuple[bool, str]) -> None:
    """The first that applies counts: SYN, known service, lower port, destination."""
    assert decide(protocol, flags, src_port, dst_port) == expected


@given(PROTOCOLS, FLAGS, PORTS, PORTS)
def test_generated_code_decides_alike(protocol: int, flags: int, src_port: int, dst_port: int) -> None:
    """The expression for generated code is the rule, with TCP flags and without."""
    assert WITH_FLAGS(protocol, flags, src_port, dst_port) == decide(protocol, flags, src_port, dst_port)  # type: ignore[operator]
    assert WITHOUT_FLAGS(protocol, flags, src_port, dst_port) == decide(protocol, 0, src_port, dst_port)  # type: ignore[operator]


@given(PROTOCOLS, PORTS, PORTS)
def test_the_flow_back_has_the_same_server(protocol: int, src_port: int, dst_port: int) -> None:
    """Seen from the other side the same end is the server, unless nothing tells or a bare SYN does."""
    swapped, reason = decide(protocol, 0x1B, src_port, dst_port)
    back, reason_back = decide(protocol, 0x1B, dst_port, src_port)
    assert reason == reason_back
    assert back is (not swapped if reason != "destination" else swapped)


def test_every_service_is_known_where_it_is_registered() -> None:
    """Services and known ports are the same, but for ports of clients."""
    for protocol, known in enumerate(KNOWN):
        assert (known is None) == (protocol not in SERVICES)
        if known is not None:
            assert known == SERVICES[protocol].keys() - CLIENT_PORTS
