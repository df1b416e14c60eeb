"""What each statement of the generated code costs: the function is measured with the values of a statement given to it."""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.report import Figure
from bench.stages import Bench, sets
from bench.timing import Stage, interleaved, sliced
from flowcoll.decode.context import Context

SLICE = 12  # sets
SLICES = 40
ROUNDS = 30

Work = list[tuple[list[tuple[object, ...]], Context]]
Write = Callable[..., None]


def ablation(protocol: str, bench: Bench) -> list[Figure]:
    """Give what the code of a protocol's most frequent template costs, and what each statement adds to it."""
    compiled, work = _most_frequent(protocol, bench)
    records = sum(len(rows) for rows, _ in work)
    space = dict(compiled.write.__globals__)
    held = _values(compiled.source, space, work)
    variants: dict[str, Write] = {"write": compiled.write}
    for index, statement in enumerate(_loop(ast.parse(compiled.source)).body):
        given = {name: held[name] for name in _targets(statement) if name in held}
        lines = [f"{name} = HELD_{name}" for name in given] or ["out0(HELD_)"]
        tree = ast.parse(compiled.source)
        _loop(tree).body[index : index + 1] = ast.parse("\n".join(lines)).body
        constants = {f"HELD_{name}": value for name, value in given.items()}
        variants[", ".join(given) or "the text"] = _function(tree, {**space, **constants, "HELD_": "{}"})
    slices = [work[at : at + SLICE] for at in range(0, len(work), SLICE)]
    whole, *without = interleaved(
        [Stage(name, "", partial(sliced, _writer(write), slices)) for name, write in variants.items()], records, ROUNDS
    )
    saved = sorted(((whole.quiet_us - figure.quiet_us, figure.name) for figure in without), reverse=True)
    return [
        Figure("write", f"all of it, over {records} records", [whole.quiet_us]),
        *(Figure(name, "would be saved if its value were given", [us]) for us, name in saved),
    ]


def _writer(write: Write) -> Callable[[Work], None]:
    def over(work: Work) -> None:
        documents: list[str] = []
        outs = (documents.append,)
        for rows, context in work:
            write(rows, outs, context)

    return over


def _most_frequent(protocol: str, bench: Bench) -> tuple[Any, Work]:
    """Give one template's code, the one with most records, and sets for it."""
    found: dict[int, tuple[Any, Work]] = {}
    for rows, compiled, context in sets(protocol, bench):
        found.setdefault(id(compiled), (compiled, []))[1].append((list(rows), context))
    compiled, work = max(found.values(), key=lambda pair: sum(len(rows) for rows, _ in pair[1]))
    return compiled, work[: SLICE * SLICES]


def _values(source: str, space: dict[str, Any], work: Work) -> dict[str, Any]:
    """Run the first record and give what every name held at its end."""
    tree = ast.parse(source)
    held: dict[str, Any] = {}
    _loop(tree).body += ast.parse("HELD_(locals()); break").body
    _function(tree, space | {"HELD_": held.update})(work[0][0], ([].append,), work[0][1])
    return held


def _function(tree: ast.Module, space: dict[str, Any]) -> Write:
    exec(compile(ast.fix_missing_locations(tree), "<ablation>", "exec"), space)
    write: Write = space["write"]
    return write


def _loop(tree: ast.Module) -> ast.For:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.For))


def _targets(statement: ast.stmt) -> Iterator[str]:
    """Names a statement assigns to, each once; none for the one that writes the document."""
    calls = any(isinstance(node, ast.Expr) for node in ast.walk(statement))
    names = (node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    yield from () if calls else dict.fromkeys(names)
