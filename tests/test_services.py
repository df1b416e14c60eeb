import csv
from importlib.resources import files
from itertools import pairwise

import pytest

from flowcoll.enrich.services import PORTED, SERVICES, label, service

ROWS = list(csv.DictReader(files("flowcoll.enrich").joinpath("services.csv").read_text(encoding="ascii").splitlines()))


@pytest.mark.parametrize(
    ("protocol", "port", "name"),
    [
        *((6, 22, "ssh"), (6, 25, "smtp"), (6, 53, "domain"), (17, 53, "domain"), (17, 67, "bootps"), (6, 80, "http")),
        *(
            (17, 123, "ntp"),
            (17, 161, "snmp"),
            (6, 179, "bgp"),
            (6, 389, "ldap"),
            (6, 443, "https"),
            (17, 443, "https"),
        ),
        *((6, 445, "microsoft-ds"), (6, 465, "submissions"), (6, 512, "exec"), (17, 512, "comsat"), (6, 514, "shell")),
        *((17, 514, "syslog"), (17, 520, "router"), (6, 853, "domain-s"), (6, 993, "imaps"), (17, 1194, "openvpn")),
        *((6, 2049, "nfs"), (6, 3389, "ms-wbt-server"), (17, 4500, "ipsec-nat-t"), (17, 4739, "ipfix")),
        *((17, 4789, "vxlan"), (132, 3868, "diameter"), (6, 6000, "x11"), (6, 6063, "x11"), (17, 6343, "sflow")),
        *((17, 51820, "wireguard"), (6, 51820, None), (6, 51234, None), (1, 443, None), (33, 443, None)),
    ],
)
def test_names(protocol: int, port: int, name: str | None) -> None:
    """A service has the name the registry gives it for its transport."""
    assert service(protocol, port) == name


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        (6, 443, "https (TCP/443)"),
        (17, 443, "https (UDP/443)"),
        (132, 3868, "diameter (SCTP/3868)"),
        (6, 51234, "TCP/51234"),
        (6, 0, "TCP/0"),
        (33, 5000, "DCCP/5000"),
        (1, 2048, ""),
    ],
)
def test_label(protocol: int, port: int, expected: str) -> None:
    """A document shows name, transport and port; without a service transport and port; without ports nothing."""
    assert label(protocol, port) == expected


def test_rows() -> None:
    """Every row says port, transports, name and source; ports ascend, and no port of a transport is named twice."""
    assert 250 <= len(ROWS) <= 400
    seen = set()
    for row in ROWS:
        first, _, last = row["port"].partition("-")
        assert 0 < int(first) <= int(last or first) < 65536
        assert row["source"] in {"iana", "use"}
        # RFC 6335 section 5.1: letters, digits, hyphens, at most 15; a few older names are longer
        assert row["name"].replace("-", "").isalnum()
        for transport in row["transport"].split():
            assert transport.upper() in PORTED.values()
            for port in range(int(first), int(last or first) + 1):
                assert (transport, port) not in seen
                seen.add((transport, port))
    starts = [int(row["port"].partition("-")[0]) for row in ROWS]
    assert all(one <= other for one, other in pairwise(starts))
    assert sum(len(names) for names in SERVICES.values()) == len(seen)
