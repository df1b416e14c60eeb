"""What each statement of the generated code costs: the function is measured with the values of a statement given to it."""

import ast
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.report import Figure
from bench.stages import Bench, sets, settle
from flowcoll.decode.context import Context

SETS = 12  # short rounds, and many of them, find the quiet moments of a busy machine
ROUNDS = 500

Work = list[tuple[list[tuple[object, ...]], Context]]
Write = Callable[..., None]


def ablation(protocol: str, bench: Bench) -> list[Figure]:
    """Give what the code of a protocol's most frequent template costs, and what each statement adds to it."""
    compiled, work = _most_frequent(protocol, bench)
    records = sum(len(rows) for rows, _ in work)
    space = dict(compiled.write.__globals__)
    held = _values(compiled.source, space, work)
    variants: dict[str, Write] = {"": compiled.write}
    for index, statement in enumerate(_loop(ast.parse(compiled.source)).body):
        given = {name: held[name] for name in _targets(statement) if name in held}
        lines = [f"{name} = HELD_{name}" for name in given] or ["out0(HELD_)"]
        tree = ast.parse(compiled.source)
        _loop(tree).body[index : index + 1] = ast.parse("\n".join(lines)).body
        variants[", ".join(given) or "the text"] = _function(tree, space | {f"HELD_{n}": v for n, v in given.items()} | {"HELD_": "{}"})
    best = _best(variants, work, records)
    whole = best.pop("")
    costs = sorted(((whole - us, name) for name, us in best.items()), reverse=True)
    return [
        Figure("write", f"all of it, over {records} records", [whole]),
        *(Figure(name, "saved if its value cost nothing", [us]) for us, name in costs),
    ]


def _most_frequent(protocol: str, bench: Bench) -> tuple[Any, Work]:
    """Give one template's code, the one with most records, and sets for it."""
    found: dict[int, tuple[Any, Work]] = {}
    for rows, compiled, context in sets(protocol, bench):
        found.setdefault(id(compiled), (compiled, []))[1].append((list(rows), context))
    compiled, work = max(found.values(), key=lambda pair: sum(len(rows) for rows, _ in pair[1]))
    return compiled, work[:SETS]


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


def _best(variants: dict[str, Write], work: Work, records: int) -> dict[str, float]:
    """Give the least CPU microseconds per record of each, the variants measured in turn."""
    best = dict.fromkeys(variants, float("inf"))
    documents: list[str] = []
    outs = (documents.append,)
    settle()
    for _ in range(ROUNDS):
        for name, write in variants.items():
            begin = time.process_time_ns()
            for rows, context in work:
                write(rows, outs, context)
            best[name] = min(best[name], (time.process_time_ns() - begin) / records / 1_000)
            documents.clear()
    return best
