"""What the code of one template can use: elements, what holds for the set, and what is derived from both."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from re import Match
from re import compile as pattern

from flowcoll.decode.templates import Template
from flowcoll.document import expression
from flowcoll.document.derive import BY_INTERFACE, CONTEXT, UPTIME, WITH_UPTIME, Derived

ONCE_A_SET, ONCE_A_RECORD = 1, 2

_WORD = pattern(r"(?<![\w.\"])[A-Za-z_]\w*(?!\w|\")")  # a name; what stands in quotes or behind a dot is none


@dataclass
class Value:
    """A value the code can use: its local names, how it is worked out and how often, and what it is made of.

    `rare` ones are worked out only for records that meet the condition of their row.
    """

    names: tuple[str, ...]
    code: str
    level: int
    inputs: frozenset[str]
    rare: bool = False
    uses: int = 0


class Values:
    """Works out names for one template, in the shape whose number is `shape`.

    A value that is not the same in every shape has the shape's number at the end of its name.
    """

    def __init__(
        self, template: Template, derived: Mapping[str, Derived], namespace: AbstractSet[str], shaped: AbstractSet[str]
    ) -> None:
        self.columns = {column.name: column for column in template.columns if column.name}
        self.shape = 0
        self.rare = False
        self._absent = frozenset() if template.protocol in WITH_UPTIME else UPTIME
        if not template.by_interface:
            self._absent |= BY_INTERFACE
        self._derived = derived
        self._namespace = namespace
        self._shaped = shaped
        self._known: dict[str, Value | None] = {}
        self._alias: dict[str, str] = {}
        self._order: list[Value] = []

    def get(self, name: str) -> Value | None:
        """Give the value of a name, or None when this template cannot give it."""
        key = self._key(name)
        if key in self._known:
            value = self._known[key]
            return None if value and value.rare and not self.rare else value
        row = self._derived.get(name)
        if row and row.when and not self.rare:
            return None
        self._known[key] = None  # while it is worked out it cannot be its own input
        value = self._work_out(name)
        self._known[key] = value
        if value and key not in self._alias:
            self._known |= dict.fromkeys(value.names, value)
            self._order.append(value)
        return value

    def has(self, text: str) -> bool:
        """Tell whether every hole of a text can be filled."""
        return all(self.get(name) for name in expression.holes(text) - self._namespace)

    def level(self, text: str) -> int:
        """Tell how often the text of a member changes."""
        found = (self.get(name) for name in expression.holes(text) - self._namespace)
        return max((value.level for value in found if value), default=ONCE_A_SET)

    def use(self, name: str) -> tuple[int, str]:
        """Give level and local name of a value, which the code then works out."""
        value = self.get(name)
        assert value is not None
        value.uses += 1
        if value.uses == 1:
            for each in value.inputs:
                self.use(each)
        return value.level, self.spelled(name)

    def local(self, name: str, code: str, level: int) -> str:
        """Add a value of the layout's own."""
        self._order.append(Value((name,), code, level, frozenset(), self.rare, uses=1))
        return name

    def fill(self, text: str) -> str:
        """Give a text with holes as f-string text, its names used and spelled as the code spells them."""
        for name in expression.holes(text) - self._namespace:
            self.use(name)
        pieces = enumerate(expression.parts(text))
        return "".join(
            "{" + self.spelled(part) + "}" if index % 2 else expression.literal(part) for index, part in pieces
        )

    def spelled(self, code: str) -> str:
        """Rename in an expression what is the same as another value, and what this shape has of its own."""

        def name(found: Match[str]) -> str:
            word = self._key(found[0])
            return self._alias.get(word, word)

        return _WORD.sub(name, code)

    def needed(self) -> list[str]:
        """Give the elements in use."""
        return [name for name in self.columns if (value := self._known.get(name)) and value.uses]

    def used(self, level: int, *, rare: bool = False) -> list[Value]:
        """Give the values in use that are worked out at a level, each after what it is made of."""
        return [v for v in self._order if v.uses and v.code and v.level == level and v.rare is rare]

    def _key(self, name: str) -> str:
        return f"{name}_{self.shape}" if self.shape and self._differs(name) else name

    def _differs(self, name: str) -> bool:
        """Tell whether a name does not mean the same in every shape."""
        if not self._shaped:
            return False
        seen, names = set[str](), [name]
        while names:
            each = names.pop()
            if each in self._shaped:
                return True
            row = self._derived.get(each)
            if row and each not in seen:
                seen.add(each)
                names += (
                    n for alternative in row.alternatives for n in expression.names(alternative.partition(" given ")[0])
                )
        return False

    def _work_out(self, name: str) -> Value | None:
        if name in self.columns:
            return Value((name,), self.columns[name].convert, ONCE_A_RECORD, frozenset())
        if name in CONTEXT:
            absent = name in self._absent
            return None if absent else Value((name,), CONTEXT[name], ONCE_A_SET, frozenset())
        row = self._derived.get(name)
        for alternative in row.alternatives if row else ():
            code, _, given = alternative.partition(" given ")
            if all(self.get(each) for each in given.split()):
                made = self._same_as(row, code) or self._made_of(row, code)  # type: ignore[arg-type]
                if made:
                    return made
        return None

    def _same_as(self, row: Derived, other: str) -> Value | None:
        """Give the other value where an alternative only says that this one is the same."""
        if len(row.names) > 1 or not other.isidentifier() or other in self._namespace:
            return None
        value = self.get(other)
        if value:
            self._alias[self._key(row.names[0])] = self.spelled(other)
        return value

    def _made_of(self, row: Derived, code: str) -> Value | None:
        """Make a value by one alternative, if the template has its inputs."""
        inputs = expression.names(code) - self._namespace
        values = [self.get(each) for each in inputs]
        if None in values:
            return None
        level = max((value.level for value in values if value), default=ONCE_A_SET)
        # one name of a row differs between shapes when the row does
        names = tuple(self._key(each) for each in row.names)
        return Value(names, self.spelled(code), level, inputs, bool(row.when))
