"""Autonomous system and place of an address, from databases in MaxMind's format.

A fact has the name of its ECS field below source or destination: `as.number`, `geo.city_name`. A look-up never raises: a
database that turns out to be corrupt gives nothing for the address, and `failed` is called.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import maxminddb

from flowcoll.errors import ConfigError

VALUES = ("city", "continent", "continent_code", "country", "country_code", "location", "region", "timezone")
"""What EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_GEOIP_VALUES may name."""

LANGUAGES = ("de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN")
"""What EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_GEOIP_LANG may name."""

NOTHING: Mapping[str, Any] = {}

Facts = tuple[tuple[str, object], ...]

# ValueError: text that is not UTF-8; SystemError: the reader's extension stumbles over a key that is no text
_CORRUPT = (maxminddb.InvalidDatabaseError, ValueError, SystemError)

_ENDS = ("0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")  # noqa: S104  not a bind address


class Database:
    """One open database; `kind` is its type in its own words, `built` the second since 1970 in which it was made."""

    def __init__(self, option: str, path: Path, products: Mapping[str, str], failed: Callable[[], None]) -> None:
        """Open it, or say in one line why not; `products` maps a part of the type to the name people know."""
        wanted = " or ".join(products.values())
        try:
            self._reader = maxminddb.open_database(path)
            meta = self._reader.metadata()
            self._ipv4_only = meta.ip_version == 4
            for end in _ENDS[:2] if self._ipv4_only else _ENDS:
                self._reader.get(end)
        except OSError as exc:
            raise ConfigError(
                f"{option}: cannot read {path} ({exc.strerror or exc}); give the path of {wanted}"
            ) from None
        except _CORRUPT:
            raise ConfigError(f"{option}: {path} is not an intact MaxMind database; fetch {wanted} again") from None
        self.kind: str = meta.database_type
        self.built: int = meta.build_epoch
        self._failed = failed
        if not any(part in self.kind for part in products):
            self.close()
            raise ConfigError(f"{option}: {path} is a database of type {self.kind!r}; give the path of {wanted}")

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def record(self, text: str) -> tuple[Mapping[str, Any], int]:
        """Give what the database says of an address, or nothing, and the prefix length of the network it says it of."""
        if self._ipv4_only and ":" in text:
            return NOTHING, 0
        try:
            found, length = self._reader.get_with_prefix_len(text)
        except _CORRUPT:
            self._failed()
            return NOTHING, 128
        return found if isinstance(found, dict) else NOTHING, length


class _Facts:
    """What is said of addresses by a database that can be replaced while it is in use."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._open = open_database
        self.database = open_database()

    def reopened(self) -> Callable[[], None]:
        """Open the file anew, and give what puts it to use; ConfigError, and the old one serves on, when it cannot be."""
        database = self._open()

        def use() -> None:
            self.database = database  # the old one is closed when nobody holds it any more

        return use


class Asn(_Facts):
    """Autonomous systems, from GeoLite2-ASN or GeoIP2-ISP."""

    def __init__(self, option: str, path: Path, failed: Callable[[], None]) -> None:
        super().__init__(partial(Database, option, path, {"ASN": "GeoLite2-ASN", "ISP": "GeoIP2-ISP"}, failed))

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        """Give as.number and as.organization.name of an address, as far as known, and the prefix they hold for."""
        record, length = self.database.record(text)
        facts: dict[str, object] = {}
        if isinstance(number := record.get("autonomous_system_number"), int):
            facts["as.number"] = number
        if organisation := _text(record, "autonomous_system_organization"):
            facts["as.organization.name"] = organisation
        return facts, length


class GeoIP(_Facts):
    """Places, from GeoLite2-City or a database of the same form.

    `values` are some of VALUES. Names are in the language asked for, or in English where the database lacks it.
    """

    def __init__(
        self, option: str, path: Path, failed: Callable[[], None], *, values: Collection[str], language: str
    ) -> None:
        products = {"City": "GeoLite2-City", "Enterprise": "GeoIP2-Enterprise", "Country": "GeoLite2-Country"}
        super().__init__(partial(Database, option, path, products, failed))
        self._language = language
        ways: Mapping[str, Callable[[Mapping[str, Any]], Facts]] = {
            "city": lambda record: (("geo.city_name", self._name(record.get("city"))),),
            "region": self._region,
            "continent": lambda record: (("geo.continent_name", self._name(record.get("continent"))),),
            "continent_code": lambda record: (("geo.continent_code", _text(record.get("continent"), "code")),),
            "country": lambda record: (("geo.country_name", self._name(record.get("country"))),),
            "country_code": lambda record: (("geo.country_iso_code", _text(record.get("country"), "iso_code")),),
            "location": lambda record: (("geo.location", _point(record.get("location"))),),
            "timezone": lambda record: (("geo.timezone", _text(record.get("location"), "time_zone")),),
        }
        self._ways = tuple(ways[value] for value in dict.fromkeys(values))

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        """Give the chosen facts of an address, as far as known, and the prefix length they hold for."""
        record, length = self.database.record(text)
        if not record:
            return NOTHING, length
        return {name: fact for way in self._ways for name, fact in way(record) if fact}, length

    def _region(self, record: Mapping[str, Any]) -> Facts:
        regions = record.get("subdivisions")
        region = regions[-1] if isinstance(regions, list) and regions else None  # the last is the smallest
        country, code = _text(record.get("country"), "iso_code"), _text(region, "iso_code")
        return (
            ("geo.region_name", self._name(region)),
            ("geo.region_iso_code", f"{country}-{code}" if country and code else ""),
        )

    def _name(self, place: object) -> str:
        names = place.get("names") if isinstance(place, dict) else None
        return _text(names, self._language) or _text(names, "en")


def _text(part: object, key: str) -> str:
    value = part.get(key) if isinstance(part, dict) else None
    return value if isinstance(value, str) else ""


def _point(location: object) -> Mapping[str, float] | None:
    if not isinstance(location, dict):
        return None
    lat, lon = location.get("latitude"), location.get("longitude")
    if isinstance(lat, int | float) and isinstance(lon, int | float) and abs(lat) <= 90 and abs(lon) <= 180:
        return {"lat": lat, "lon": lon}  # the comparisons keep out what is no number in JSON
    return None
