"""The addresses of the bench and what is known about them: where they are, whose they are, which are listed.

Everything follows from one seed, so that two runs, or two machines, measure the same traffic. The two databases and
the threat list are written once and kept under build/bench.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

SEED = 20_260_101
POOL_SIZE = 50_000
PRIVATE_SHARE = 0.30
LISTED_SHARE = 0.01
NETWORKS = 12_000
LANGUAGES = ("de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN")

# First octets that hold private, loopback, link-local, documentation, multicast or reserved space are left out whole.
PUBLIC_FIRST_OCTETS = [octet for octet in range(1, 224) if octet not in {10, 100, 127, 169, 172, 192, 198, 203}]


class Place(NamedTuple):
    """A city as a database row: names, codes, and a rough position."""

    city: str
    region: str
    country: str
    code: str
    continent: str
    timezone: str
    latitude: float
    longitude: float


PLACES = [
    Place("Amsterdam", "North Holland", "Netherlands", "NL", "EU", "Europe/Amsterdam", 52.37, 4.89),
    Place("Ashburn", "Virginia", "United States", "US", "NA", "America/New_York", 39.04, -77.49),
    Place("Athens", "Attica", "Greece", "GR", "EU", "Europe/Athens", 37.98, 23.73),
    Place("Boardman", "Oregon", "United States", "US", "NA", "America/Los_Angeles", 45.84, -119.70),
    Place("Bogotá", "Bogota D.C.", "Colombia", "CO", "SA", "America/Bogota", 4.61, -74.08),
    Place("Bratislava", "Bratislava Region", "Slovakia", "SK", "EU", "Europe/Bratislava", 48.15, 17.11),
    Place("Cape Town", "Western Cape", "South Africa", "ZA", "AF", "Africa/Johannesburg", -33.92, 18.42),
    Place("Chicago", "Illinois", "United States", "US", "NA", "America/Chicago", 41.88, -87.63),
    Place("Dallas", "Texas", "United States", "US", "NA", "America/Chicago", 32.78, -96.80),
    Place("Dublin", "Leinster", "Ireland", "IE", "EU", "Europe/Dublin", 53.35, -6.26),
    Place("Frankfurt am Main", "Hesse", "Germany", "DE", "EU", "Europe/Berlin", 50.11, 8.68),
    Place("Helsinki", "Uusimaa", "Finland", "FI", "EU", "Europe/Helsinki", 60.17, 24.94),
    Place("Hong Kong", "Central and Western", "Hong Kong", "HK", "AS", "Asia/Hong_Kong", 22.28, 114.16),
    Place("Istanbul", "Istanbul", "Türkiye", "TR", "AS", "Europe/Istanbul", 41.01, 28.95),
    Place("Jakarta", "Jakarta", "Indonesia", "ID", "AS", "Asia/Jakarta", -6.21, 106.85),
    Place("London", "England", "United Kingdom", "GB", "EU", "Europe/London", 51.51, -0.13),
    Place("Madrid", "Madrid", "Spain", "ES", "EU", "Europe/Madrid", 40.42, -3.70),
    Place("Marseille", "Provence-Alpes-Côte d'Azur", "France", "FR", "EU", "Europe/Paris", 43.30, 5.37),
    Place("Mexico City", "Mexico City", "Mexico", "MX", "NA", "America/Mexico_City", 19.43, -99.13),
    Place("Milan", "Lombardy", "Italy", "IT", "EU", "Europe/Rome", 45.46, 9.19),
    Place("Mumbai", "Maharashtra", "India", "IN", "AS", "Asia/Kolkata", 19.08, 72.88),
    Place("Nairobi", "Nairobi County", "Kenya", "KE", "AF", "Africa/Nairobi", -1.29, 36.82),
    Place("Osaka", "Osaka", "Japan", "JP", "AS", "Asia/Tokyo", 34.69, 135.50),
    Place("Paris", "Île-de-France", "France", "FR", "EU", "Europe/Paris", 48.86, 2.35),
    Place("Prague", "Prague", "Czechia", "CZ", "EU", "Europe/Prague", 50.08, 14.44),
    Place("Riga", "Riga", "Latvia", "LV", "EU", "Europe/Riga", 56.95, 24.11),
    Place("Santiago", "Santiago Metropolitan", "Chile", "CL", "SA", "America/Santiago", -33.45, -70.67),
    Place("São Paulo", "São Paulo", "Brazil", "BR", "SA", "America/Sao_Paulo", -23.55, -46.63),
    Place("Seoul", "Seoul", "South Korea", "KR", "AS", "Asia/Seoul", 37.57, 126.98),
    Place("Singapore", "Central Singapore", "Singapore", "SG", "AS", "Asia/Singapore", 1.35, 103.82),
    Place("Sofia", "Sofia-Capital", "Bulgaria", "BG", "EU", "Europe/Sofia", 42.70, 23.32),
    Place("Stockholm", "Stockholm County", "Sweden", "SE", "EU", "Europe/Stockholm", 59.33, 18.07),
    Place("Sydney", "New South Wales", "Australia", "AU", "OC", "Australia/Sydney", -33.87, 151.21),
    Place("Tokyo", "Tokyo", "Japan", "JP", "AS", "Asia/Tokyo", 35.68, 139.69),
    Place("Toronto", "Ontario", "Canada", "CA", "NA", "America/Toronto", 43.65, -79.38),
    Place("Vienna", "Vienna", "Austria", "AT", "EU", "Europe/Vienna", 48.21, 16.37),
    Place("Warsaw", "Mazovia", "Poland", "PL", "EU", "Europe/Warsaw", 52.23, 21.01),
    Place("Zurich", "Zurich", "Switzerland", "CH", "EU", "Europe/Zurich", 47.37, 8.54),
]
CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
ORGANISATIONS = [
    f"{name} {trade} {form}"
    for name in ("Alpine", "Baltic", "Cascade", "Delta", "Evergreen", "Fjord", "Granite", "Harbour", "Island", "Jade")
    for trade in ("Telecom", "Hosting", "Networks", "Cloud Services", "Cable", "Broadband", "Data Centers", "Mobile")
    for form in ("AG", "B.V.", "GmbH", "Inc.", "LLC", "Ltd.", "S.A.", "Sp. z o.o.")
]
FEEDS = {"botnet c2": "c2-tracker", "scanner": "scan-watch", "phishing host": "phish-report", "tor exit": "exit-nodes"}


class Files(NamedTuple):
    """Where the databases and the threat list lie."""

    city: Path
    asn: Path
    threats: Path


def is_listed(address: int) -> bool:
    """Say whether a public address is on the threat list: one in a hundred, scattered by a multiplicative hash."""
    return (address * 2_654_435_761 & 0xFFFF_FFFF) >> 16 < 0x10000 * LISTED_SHARE


class World:
    """Public /24 networks and the pool of addresses that the warm streams draw from."""

    def __init__(self, seed: int = SEED, pool_size: int = POOL_SIZE, networks: int = NETWORKS) -> None:
        rng = random.Random(seed)
        self.seed = seed
        chosen: set[int] = set()
        while len(chosen) < networks:
            chosen.add(rng.choice(PUBLIC_FIRST_OCTETS) << 16 | rng.getrandbits(16))
        self.networks = sorted(chosen)
        rng.shuffle(self.networks)
        self._place = {network: rng.randrange(len(PLACES)) for network in self.networks}
        self._asn = {network: rng.randrange(len(ORGANISATIONS)) for network in self.networks}
        self.pool = self._draw_pool(rng, pool_size)

    def _draw_pool(self, rng: random.Random, size: int) -> list[int]:
        private = {address for _, address in zip(range(round(size * PRIVATE_SHARE)), self._private(), strict=False)}
        wanted = size - len(private)
        listed_wanted = round(wanted * LISTED_SHARE)
        listed: set[int] = set()
        plain: set[int] = set()
        while len(listed) < listed_wanted or len(plain) < wanted - listed_wanted:
            address = rng.choice(self.networks) << 8 | rng.randrange(1, 255)
            if is_listed(address):
                if len(listed) < listed_wanted:
                    listed.add(address)
            elif len(plain) < wanted - listed_wanted:
                plain.add(address)
        pool = sorted(private | listed | plain)
        rng.shuffle(pool)
        return pool

    @staticmethod
    def _private() -> Iterator[int]:
        """Every address of 10.0.0.0/8 once, far apart from one to the next."""
        return (0x0A00_0000 | index * 7_368_787 & 0xFF_FFFF for index in range(1, 1 << 24))

    def warm(self) -> Iterator[int]:
        """Addresses of the pool, for ever: each once in random order, then again in another."""
        rng = random.Random(self.seed + 1)
        order = list(self.pool)
        while True:
            rng.shuffle(order)
            yield from order

    def fresh(self) -> Iterator[int]:
        """Addresses that never come twice, in the proportions of the pool."""
        rng = random.Random(self.seed + 2)
        private = self._private()
        public = (network << 8 | host for host in range(1, 255) for network in self.networks)
        while True:
            yield next(private) if rng.random() < PRIVATE_SHARE else next(public)

    def asn(self, address: int) -> int:
        """Give the number of the autonomous system that holds an address, 0 for a private one."""
        index = self._asn.get(address >> 8)
        return 0 if index is None else 1_000 + index * 61

    def city_record(self, network: int) -> dict[str, Any]:
        """Give what the city database says of a /24, as wide as a GeoLite2 record."""
        index = self._place[network]
        place = PLACES[index]
        country = {"geoname_id": 6_000_000 + index, "iso_code": place.code, "names": _names(place.country)}
        return {
            "city": {"geoname_id": 2_000_000 + index, "names": _names(place.city)},
            "continent": {
                "code": place.continent,
                "geoname_id": 6_255_000 + index % 9,
                "names": _names(CONTINENTS[place.continent]),
            },
            "country": country,
            "location": {
                "accuracy_radius": 20,
                "latitude": round(place.latitude + network % 97 / 200, 4),
                "longitude": round(place.longitude + network % 89 / 200, 4),
                "time_zone": place.timezone,
            },
            "postal": {"code": f"{network % 90_000 + 10_000}"},
            "registered_country": country,
            "subdivisions": [{"geoname_id": 3_000_000 + index, "iso_code": "01", "names": _names(place.region)}],
        }

    def asn_record(self, network: int) -> dict[str, Any]:
        """Give what the ASN database says of a /24."""
        return {
            "autonomous_system_number": self.asn(network << 8),
            "autonomous_system_organization": ORGANISATIONS[self._asn[network]],
        }

    def write(self, folder: Path) -> Files:
        """Write the databases and the threat list unless they lie there already."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{self.seed}-{len(self.networks)}"
        files = Files(folder / f"city-{stem}.mmdb", folder / f"asn-{stem}.mmdb", folder / f"threats-{stem}.csv")
        if not files.city.exists():
            self._write_mmdb(files.city, "GeoLite2-City", self.city_record)
        if not files.asn.exists():
            self._write_mmdb(files.asn, "GeoLite2-ASN", self.asn_record)
        if not files.threats.exists():
            self._write_threats(files.threats)
        return files

    def _write_mmdb(self, path: Path, kind: str, record: Any) -> None:
        writer = MMDBWriter(6, kind, languages=list(LANGUAGES), ipv4_compatible=True, int_type="u32")
        for network in self.networks:
            writer.insert_network(IPSet([IPNetwork(f"{_text(network << 8)}/24")]), record(network))
        half = path.with_suffix(".part")
        writer.to_db_file(str(half))
        half.rename(path)

    def _write_threats(self, path: Path) -> None:
        """List every hundredth public address, whether a stream shows it or not, as address, name, feed."""
        names = list(FEEDS)
        half = path.with_suffix(".part")
        with half.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("address", "name", "feed"))
            for network in sorted(self.networks):
                for address in filter(is_listed, range(network << 8 | 1, network << 8 | 255)):
                    name = names[address % len(names)]
                    rows.writerow((_text(address), name, FEEDS[name]))
        half.rename(path)


def _names(name: str) -> dict[str, str]:
    """A name in the eight languages of GeoLite2; the lookup decodes them all, so they have to be there."""
    return dict.fromkeys(LANGUAGES, name)


def _text(address: int) -> str:
    return ".".join(str(octet) for octet in address.to_bytes(4, "big"))
