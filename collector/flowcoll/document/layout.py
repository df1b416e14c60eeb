"""The f-string of a shape: members in objects, and in front what all records of a set have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flowcoll.document.expression import literal
from flowcoll.document.fields import FRAGMENTS, Field
from flowcoll.document.values import ONCE_A_SET, Values

Piece = tuple[int, str]
"""How often it changes, and f-string text."""

_TIMES = {
    "start": "{SECONDS[start // 1000]}{MILLIS[start % 1000]}",
    "end": "{SECONDS[end // 1000]}{MILLIS[end % 1000]}",
    "export": "{exported}",
}


class Shape:
    """What an output wants of a record: the fields it keeps, which time stands in `@timestamp`, the namespace it goes to."""

    def __init__(self, fields: Sequence[Field], timestamp: str, namespace: str) -> None:
        self.timestamp = timestamp
        self.fields = tuple(
            (*each.path.rpartition(".")[::2], [text.replace("{namespace}", namespace) for text in each.alternatives])
            for each in fields
        )
        """Object, key, and alternatives of each field."""


@dataclass
class _Object:
    """A JSON object under construction: key -> member, and the fragments that stand in it."""

    members: dict[str, "str | _Object"] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    def below(self, path: str) -> "_Object":
        """Give the object at a dotted path, made if it is not there."""
        here = self
        for key in path.split(".") if path else ():
            inner = here.members.setdefault(key, _Object())
            assert isinstance(inner, _Object), path
            here = inner
        return here

    def lasting(self) -> bool:
        """Tell whether something always stands in it; fragments may be empty."""
        return any(isinstance(m, str) or m.lasting() for m in self.members.values())


class Layout:
    """Lays documents of one template out; `heads` has the locals that hold what a set has in common."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._parts = 0
        self.heads: dict[str, str] = {}

    def body(self, shape: Shape) -> str:
        """Give the body of the f-string of a shape."""
        values = self._values
        root = _Object()
        for place, key, alternatives in shape.fields:
            if key == "@timestamp":
                wanted = _TIMES.get(shape.timestamp, "{collected}")
                # a flow without the time asked for is dated by its arrival
                root.members[key] = alternatives[0].replace(
                    "{timestamp}", wanted if values.has(wanted) else "{collected}"
                )
            else:
                any(self._put(root, place, key, text) for text in alternatives)  # the first that can be had
        return self._joined([(ONCE_A_SET, "{{"), *self._pieces(root), (ONCE_A_SET, "}}")])

    def _put(self, root: _Object, place: str, key: str, text: str) -> bool:
        """Put a field where it belongs, if the template gives it."""
        if text.startswith("@"):
            name = text[1:]
            if not self._values.get(name):
                return False
            fragments = root.below(FRAGMENTS[name]).fragments
            if name not in fragments:
                fragments.append(name)
            return True
        if not self._values.has(text):
            return False
        root.below(place).members[key] = text
        return True

    def _pieces(self, here: _Object) -> list[Piece]:
        """Give an object's content in order: what a set shares, then fragments, then what each record has.

        A fragment brings its own comma behind it, so something must stand after it that always is. If there is enough,
        the first of what each record has goes in front: where that begins with what a set shares, it is one piece less.
        """
        shared: list[list[Piece]] = []
        own: list[list[Piece]] = []
        fragments = [self._values.use(name) for name in here.fragments]
        for key, member in here.members.items():
            start = literal(f'"{key}":')
            if isinstance(member, str):
                level = self._values.level(member)
                (shared if level == ONCE_A_SET else own).append([(level, start + self._values.fill(member))])
            elif member.lasting():
                inner = self._pieces(member)
                pieces = [(ONCE_A_SET, start + "{{"), *inner, (ONCE_A_SET, "}}")]
                (shared if all(level == ONCE_A_SET for level, _ in inner) else own).append(pieces)
            elif inner := self._pieces(member):
                fragments.append(self._wrapped(key, inner))
        loose = [(level, "{" + name + "}") for level, name in fragments]
        if len(own) > 1 and own[0][0][0] == ONCE_A_SET:
            shared, own = [*shared, own[0]], own[1:]
        if own:
            return [*_listed(shared), *((ONCE_A_SET, ",") for _ in shared[:1]), *loose, *_listed(own)]
        return [*loose, *_listed(shared)]

    def _wrapped(self, key: str, inner: Sequence[Piece]) -> Piece:
        """Give an object of fragments only as a fragment: it is there when one of them is."""
        names = [text[1:-1] for _, text in inner]
        level = max(level for level, _ in inner)
        code = f"'\"{key}\":{{' + ({' + '.join(names)})[:-1] + '}},' if {' or '.join(names)} else \"\""
        self._parts += 1
        return level, self._values.local(f"part{self._parts}", code, level)

    def _joined(self, pieces: Sequence[Piece]) -> str:
        """Join pieces; a run that is the same for a whole set becomes one local, written before the loop."""
        text, run = "", ""
        for level, piece in pieces:
            if level == ONCE_A_SET:
                run += piece
            else:
                text, run = text + self._head(run) + piece, ""
        return text + self._head(run)

    def _head(self, run: str) -> str:
        if "{" not in run.replace("{{", "").replace("}}", ""):
            return run
        name = self.heads.setdefault(run, f"head{len(self.heads)}")
        return "{" + name + "}"


def _listed(members: Sequence[Sequence[Piece]]) -> Iterator[Piece]:
    """Put commas between members."""
    for index, pieces in enumerate(members):
        if index:
            yield ONCE_A_SET, ","
        yield from pieces
