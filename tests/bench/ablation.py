"""What each statement of the generated code costs: the function is measured with the values of a statement given to it."""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.report import Figure
from bench.stages import EXPORTER, Bench, carried
from bench.timing import Stage, interleaved, sliced
from flowcoll.decode.context import Context

SLICE = 12  # sets
SLICES = 40
ROUNDS = 6  # for each round of other figures: what is small beside the whole needs more of them

Work = list[tuple[list[tuple[object, ...]], Context]]
Write = Callable[..., None]


def ablation(protocol: str, bench: Bench) -> list[Figure]:
    """Give what the code of a protocol's most frequent template costs, and what each statement adds to it."""
    write, source, work = _most_frequent(protocol, bench)
    records = sum(len(rows) for rows, _ in work)
    space = dict(write.__globals__)
    held = _values(source, space, work)
    variants = {"write": write}
    for index, statement in enumerate(_loop(ast.parse(source)).body):
        given = {name: held[name] for name in _targets(statement) if name in held}
        lines = [f"{name} = HELD_{name}" for name in given] or ["out0(HELD_)"]
        tree = ast.parse(source)
        _loop(tree).body[index : index + 1] = ast.parse("\n".join(lines)).body
        constants = {f"HELD_{name}": value for name, value in given.items()}
        variants[", ".join(given) or "the text"] = _function(tree, {**space, **constants, "HELD_": "{}"})
    slices = [work[at : at + SLICE] for at in range(0, len(work), SLICE)]
    whole, *without = interleaved(
        [Stage(name, "", partial(sliced, _writer(each), slices)) for name, each in variants.items()],
        records,
        bench.rounds * ROUNDS,
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


def _most_frequent(protocol: str, bench: Bench) -> tuple[Write, str, Work]:
    """Give the function of the template with most records, its source, and sets for it."""
    pipeline, warm = carried(protocol, bench)
    found: dict[int, tuple[Write, Work]] = {}
    for octets in warm.datagrams:
        for rows, compiled, context in pipeline._sets(octets, EXPORTER, bench.now_s * 1_000):
            found.setdefault(id(compiled.write), (compiled.write, []))[1].append((list(rows), context))
    write, work = max(found.values(), key=lambda pair: sum(len(rows) for rows, _ in pair[1]))
    compiler = pipeline._compiler
    template = next(each for each in compiler.latest() if each.compiled and each.compiled.write is write)
    return write, compiler.source(template), work[: SLICE * SLICES]


def _values(source: str, space: dict[str, Any], work: Work) -> dict[str, Any]:
    """Run the first record and give what every name held at its end."""
    tree = ast.parse(source)
    held: dict[str, Any] = {}
    _loop(tree).body += ast.parse("HELD_(locals()); break").body
    _function(tree, space | {"HELD_": held.update})(work[0][0], ([].append,), work[0][1])
    return held


def _function(tree: ast.Module, space: dict[str, Any]) -> Write:
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "write"]
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
