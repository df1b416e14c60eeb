import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import maxminddb
import mmdb_writer
import netaddr
import pytest

from flowcoll.enrich.geoip import LANGUAGES, VALUES, Asn, GeoIP
from flowcoll.errors import ConfigError

GEO = Path(__file__).parent / "data" / "geo"
DEFAULTS = ("city", "country", "country_code", "location", "timezone")
CORRUPT = ("MaxMind-DB-test-broken-search-tree-24.mmdb", "libmaxminddb-corrupt-search-tree.mmdb")


def unexpected() -> None:
    pytest.fail("a look-up in an intact database failed")


def geoip(path: Path = GEO / "GeoIP2-City-Test.mmdb", values: Any = VALUES, language: str = "en") -> GeoIP:
    return GeoIP("EF_GEOIP_PATH", path, unexpected, values=values, language=language)


def first_addresses(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the first address of every network of a source, and the most specific record that holds it."""
    networks: dict[ipaddress.IPv4Network | ipaddress.IPv6Network, dict[str, Any]] = {}
    for row in json.loads((GEO / name).read_text()):
        for text, record in row.items():
            network: Any = ipaddress.ip_network(text)
            low = int(network.network_address)
            if network.version == 6 and network.prefixlen >= 96 and 0xFFFF < low < 1 << 32:  # IPv4, written below ::/96
                network = ipaddress.ip_network((low, network.prefixlen - 96))
            networks[network] = record
    for network in networks:
        address = network.network_address
        holding = [other for other in networks if other.version == network.version and address in other]
        yield str(address), networks[max(holding, key=lambda other: other.prefixlen)]


def place(record: dict[str, Any], language: str) -> dict[str, Any]:
    """Say the facts of a record by hand."""

    def name(part: dict[str, Any]) -> str | None:
        names = part.get("names", {})
        return names.get(language) or names.get("en")

    country, location = record.get("country", {}), record.get("location", {})
    region = record.get("subdivisions", [{}])[-1]
    facts = {
        "geo.city_name": name(record.get("city", {})),
        "geo.region_name": name(region),
        "geo.region_iso_code": f"{country['iso_code']}-{region['iso_code']}" if "iso_code" in region else None,
        "geo.continent_name": name(record.get("continent", {})),
        "geo.continent_code": record.get("continent", {}).get("code"),
        "geo.country_name": name(country),
        "geo.country_iso_code": country.get("iso_code"),
        "geo.location": {"lat": location["latitude"], "lon": location["longitude"]} if "latitude" in location else None,
        "geo.timezone": location.get("time_zone"),
    }
    return {path: fact for path, fact in facts.items() if fact}


@pytest.mark.parametrize("language", LANGUAGES)
def test_places(language: str) -> None:
    """Every network of the source yields the facts its record holds, in every language."""
    database = geoip(language=language)
    found = list(first_addresses("GeoIP2-City-Test.json"))
    assert len(found) == 250
    assert [(a, database.network(a)[0]) for a, _ in found] == [(a, place(record, language)) for a, record in found]


def test_systems() -> None:
    """Every network of the source yields number and organisation of its autonomous system."""
    database = Asn("EF_ASN_PATH", GEO / "GeoLite2-ASN-Test.mmdb", unexpected)
    names = {"autonomous_system_number": "as.number", "autonomous_system_organization": "as.organization.name"}
    found = list(first_addresses("GeoLite2-ASN-Test.json"))
    assert len(found) == 720
    expected = [(a, {names[key]: value for key, value in record.items()}) for a, record in found]
    assert [(a, database.network(a)[0]) for a, _ in found] == expected


def test_systems_of_the_isp_database() -> None:
    """GeoIP2-ISP serves as well; what it says of providers is left alone."""
    database = Asn("EF_ASN_PATH", GEO / "GeoIP2-ISP-Test.mmdb", unexpected)
    assert database.database.kind == "GeoIP2-ISP"
    assert database.network("1.128.0.0")[0] == {"as.number": 1221, "as.organization.name": "Telstra Pty Ltd"}
    assert database.network("8.8.8.8")[0] == {}


@pytest.mark.parametrize(
    ("value", "paths"),
    {
        "city": {"geo.city_name"},
        "region": {"geo.region_name", "geo.region_iso_code"},
        "continent": {"geo.continent_name"},
        "continent_code": {"geo.continent_code"},
        "country": {"geo.country_name"},
        "country_code": {"geo.country_iso_code"},
        "location": {"geo.location"},
        "timezone": {"geo.timezone"},
    }.items(),
)
def test_a_value_stands_for_its_facts(value: str, paths: set[str]) -> None:
    """Each value that may be asked for brings its facts and no other."""
    assert geoip(values=[value]).network("81.2.69.142")[0].keys() == paths


def test_values_of_the_default() -> None:
    """What ElastiFlow asks for by default, with the types that JSON keeps."""
    assert geoip(GEO / "GeoLite2-City-Test.mmdb", DEFAULTS).network("81.2.69.142")[0] == {
        "geo.city_name": "London",
        "geo.country_name": "United Kingdom",
        "geo.country_iso_code": "GB",
        "geo.location": {"lat": 51.5142, "lon": -0.0931},
        "geo.timezone": "Europe/London",
    }


def test_english_where_the_language_lacks() -> None:
    """A name that the database does not have in the language asked for is the English one."""
    assert geoip(language="zh-CN").network("81.2.69.142")[0]["geo.city_name"] == "London"


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::"])
def test_an_unknown_address_has_no_facts(address: str) -> None:
    """An address the database does not hold yields nothing."""
    assert geoip().network(address)[0] == {}
    assert Asn("EF_ASN_PATH", GEO / "GeoLite2-ASN-Test.mmdb", unexpected).network(address)[0] == {}


@pytest.mark.parametrize("name", [*CORRUPT, "GeoLite2-ASN-Test.mmdb"])
def test_a_foreign_or_corrupt_file_is_refused_as_places(name: str) -> None:
    """One line names the option, the file and the product to use."""
    with pytest.raises(ConfigError, match=rf"^EF_GEOIP_PATH: .*{name} .*GeoLite2-City[^\n]*$"):
        geoip(GEO / name)


@pytest.mark.parametrize("name", [*CORRUPT, "GeoLite2-City-Test.mmdb"])
def test_a_foreign_or_corrupt_file_is_refused_as_systems(name: str) -> None:
    """One line names the option, the file and the product to use."""
    with pytest.raises(ConfigError, match=rf"^EF_ASN_PATH: .*{name} .*GeoLite2-ASN or GeoIP2-ISP[^\n]*$"):
        Asn("EF_ASN_PATH", GEO / name, unexpected)


@pytest.mark.parametrize("octets", [b"", b"no database", b"\xab\xcd\xefMaxMind.com", bytes(5000)])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, octets: bytes) -> None:
    """A file that is no database at all is named, with what to do."""
    (tmp_path / "x.mmdb").write_bytes(octets)
    with pytest.raises(ConfigError, match=r"x\.mmdb is not an intact MaxMind database; fetch .* again$"):
        geoip(tmp_path / "x.mmdb")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file says so, and what to give instead."""
    with pytest.raises(ConfigError, match=r"cannot read .*/none\.mmdb \(No such file or directory\); give the path of"):
        geoip(tmp_path / "none.mmdb")
    with pytest.raises(ConfigError, match="EF_GEOIP_PATH"):
        geoip(tmp_path)


@pytest.mark.parametrize("end", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, end: float) -> None:
    """A download that broke off is seen at the start."""
    octets = (GEO / "GeoLite2-City-Test.mmdb").read_bytes()
    (tmp_path / "x.mmdb").write_bytes(octets[: int(len(octets) * end)])
    with pytest.raises(ConfigError, match="not an intact MaxMind database"):
        geoip(tmp_path / "x.mmdb")


def test_a_corrupt_tree_yields_nothing_and_is_counted(tmp_path: Path) -> None:
    """An address whose branch leads out of the file has no facts; that is told, and its neighbours are found."""
    path = tmp_path / "tree.mmdb"
    writer = mmdb_writer.MMDBWriter(4, "My-ASN")
    writer.insert_network(netaddr.IPSet(["1.2.3.4/32"]), {"autonomous_system_number": 64500})
    writer.insert_network(netaddr.IPSet(["1.2.3.5/32"]), {"autonomous_system_number": 64501})
    writer.to_db_file(str(path))
    octets = bytearray(path.read_bytes())
    with maxminddb.open_database(path) as reader:
        meta = reader.metadata()
    width = meta.record_size // 4  # octets of a node: two records
    place = node = 0
    for bit in f"{int(ipaddress.IPv4Address('1.2.3.5')):032b}":
        place = node * width + int(bit) * width // 2
        node = int.from_bytes(octets[place : place + width // 2], "big")
    octets[place : place + width // 2] = b"\xff" * (width // 2)
    path.write_bytes(octets)
    failed: list[None] = []
    database = Asn("EF_ASN_PATH", path, lambda: failed.append(None))
    assert database.network("1.2.3.5")[0] == {}
    assert len(failed) == 1
    assert database.network("1.2.3.4")[0] == {"as.number": 64500}
    assert len(failed) == 1


def test_text_that_is_no_utf8_yields_nothing_and_is_counted(tmp_path: Path) -> None:
    """An address whose record is damaged has no facts; that is told, and other addresses are found."""
    octets = (GEO / "GeoLite2-City-Test.mmdb").read_bytes()
    (tmp_path / "x.mmdb").write_bytes(octets.replace(b"London", b"L\xffndon"))
    failed: list[None] = []
    database = GeoIP("EF_X", tmp_path / "x.mmdb", lambda: failed.append(None), values=VALUES, language="en")
    assert database.network("81.2.69.142")[0] == {}
    assert len(failed) == 1
    assert database.network("2001:218::")[0]["geo.country_iso_code"] == "JP"


def test_records_of_another_form_yield_nothing(tmp_path: Path) -> None:
    """A database that keeps other things under the known names gives no fact that is none."""
    writer = mmdb_writer.MMDBWriter(6, "My-City-ASN", ipv4_compatible=True)
    odd: list[Any] = [
        *("text", 5, [], {"city": "London"}, {"city": {"names": ["London"]}}, {"subdivisions": ["x"]}, {"country": 7}),
        *({"location": {"latitude": "x", "longitude": 1.0}}, {"location": {"latitude": 91.0, "longitude": 1.0}}),
        *({"location": [1, 2]}, {"autonomous_system_number": "x"}, {"autonomous_system_organization": 5}),
    ]
    for number, record in enumerate(odd):
        writer.insert_network(netaddr.IPSet([f"1.2.{number}.0/24"]), record)
    writer.to_db_file(str(tmp_path / "odd.mmdb"))
    database, systems = geoip(tmp_path / "odd.mmdb"), Asn("EF_ASN_PATH", tmp_path / "odd.mmdb", unexpected)
    for number in range(len(odd)):
        assert database.network(f"1.2.{number}.1")[0] == {}
        assert systems.network(f"1.2.{number}.1")[0] == {}


def test_ipv6_in_a_database_of_ipv4(tmp_path: Path) -> None:
    """A database of IPv4 alone knows nothing of an IPv6 address, which is no failure."""
    writer = mmdb_writer.MMDBWriter(4, "My-ASN")
    writer.insert_network(netaddr.IPSet(["1.2.3.0/24"]), {"autonomous_system_number": 64500})
    writer.to_db_file(str(tmp_path / "four.mmdb"))
    database = Asn("EF_ASN_PATH", tmp_path / "four.mmdb", unexpected)
    assert database.network("1.2.3.4")[0] == {"as.number": 64500}
    assert database.network("2001:218::")[0] == {}


def test_the_database_says_what_it_is() -> None:
    """Type and time of making are there to be shown."""
    database = geoip().database
    assert (database.kind, database.built) == ("GeoIP2-City", 1770245369)
