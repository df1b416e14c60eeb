"""How TABLE 1 is written: an option, a group of options whose names begin alike, and how far each is carried out."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from flowcoll.options.types import Type, path

OUTPUT = "EF_OUTPUT_"
THREAT = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_"
ETC, THEIR_ETC = "/etc/flowcoll/", "/etc/elastiflow/"


class Standing(Enum):
    """How far an option is carried out."""

    SUPPORTED = "supported"
    NO_EFFECT = "no effect"  # known and harmless: a notice
    REFUSED = "refused when enabled"  # something we do not have: an error when it is switched on
    NOT_YET = "not yet"  # to come: an error when it is set away from its default


SUPPORTED, NO_EFFECT, REFUSED, NOT_YET = Standing


@dataclass(frozen=True)
class Option:
    """One row of the table; `default` is already a value of its type."""

    name: str
    type: Type
    default: Any
    meaning: str
    standing: Standing
    hint: str = ""  # why, and what to do instead, where it is not supported
    switches: tuple[str, ...] = ()  # it counts only while one of these is true

    @property
    def defaults(self) -> tuple[Any, ...]:
        """The default, and ElastiFlow's own where it is the same file in another directory."""
        if self.type is path and str(self.default).startswith(ETC):
            return self.default, path.read(str(self.default).replace(ETC, THEIR_ETC, 1))
        return (self.default,)

    def at(self, prefix: str, place: str) -> "Option":
        """The same option of a named instance: where its names begin with `prefix`, they begin with `place`."""
        return replace(
            self,
            name=self.name.replace(prefix, place, 1),
            switches=tuple(switch.replace(prefix, place, 1) for switch in self.switches),
        )


@dataclass(frozen=True)
class Group:
    """Options that belong together and whose names begin alike."""

    prefix: str
    title: str
    options: tuple[Option, ...]

    @property
    def output(self) -> str:
        """Type of output, such as FILE, or an empty text."""
        return self.prefix.removeprefix(OUTPUT) if self.prefix.startswith(OUTPUT) else ""

    @property
    def patterned(self) -> bool:
        """Whether its names hold a part that the user chooses."""
        return "<" in self.prefix

    def at(self, place: str) -> tuple[Option, ...]:
        """The options of the instance whose names begin with `place`."""
        return tuple(option.at(self.prefix, place) for option in self.options)


@dataclass(frozen=True)
class Row:
    """An option before its group has completed it."""

    option: Option
    standing: Standing | None


def option(  # noqa: PLR0913  a row has this many columns
    name: str,
    kind: Type,
    default: str | int,
    meaning: str,
    standing: Standing | None = None,
    *,
    hint: str = "",
    switches: tuple[str, ...] = (),
) -> Row:
    """Declare one option; its name is completed, and a standing that is not said is taken, from its group."""
    return Row(Option(name, kind, kind.read(str(default)), meaning, SUPPORTED, hint, switches), standing)


def group(prefix: str, title: str, *rows: Row, standing: Standing = SUPPORTED, hint: str = "") -> Group:
    """Complete the options of a group; X_ENABLE is the switch of every option whose name begins with X_."""
    enables = [row.option.name for row in rows if row.option.name.split("_")[-1] == "ENABLE"]
    options = []
    for row in rows:
        short = row.option.name
        above = [e for e in enables if e != short and short.startswith(e.removesuffix("ENABLE"))]
        nearest = tuple(f"{prefix}_{e}" for e in sorted(above, key=len)[-1:])
        options.append(
            replace(
                row.option,
                name=f"{prefix}_{short}",
                standing=row.standing or standing,
                hint=row.option.hint or hint,
                switches=row.option.switches or nearest,
            )
        )
    return Group(prefix, title, tuple(options))
