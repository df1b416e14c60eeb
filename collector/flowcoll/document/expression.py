"""Text of expressions and of f-strings: what the tables say, taken apart."""

import ast
from collections.abc import Sequence
from functools import cache


@cache
def names(code: str) -> frozenset[str]:
    """Give the names that an expression reads."""
    found = [node for node in ast.walk(ast.parse(code.strip(), mode="eval")) if isinstance(node, ast.Name)]
    return frozenset(node.id for node in found) - {node.id for node in found if isinstance(node.ctx, ast.Store)}


@cache
def parts(text: str) -> Sequence[str]:
    """Split `a{b}c` into `a`, `b`, `c`: every second one is an expression."""
    found: list[str] = []
    for piece in text.split("{"):
        found += piece.split("}", 1)
    return found


@cache
def holes(text: str) -> frozenset[str]:
    """Give the names that the expressions of a text with holes read."""
    return frozenset(name for code in parts(text)[1::2] for name in names(code))


def literal(text: str) -> str:
    """Escape text for an f-string in triple single quotes."""
    return text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}").replace("'", "\\'")


@cache
def assignment(targets: tuple[str, ...], code: str) -> Sequence[str]:
    """Give the lines that assign an expression; a choice between tuples becomes a branch, which builds none."""
    if len(targets) > 1:
        tree = ast.parse(code, mode="eval").body
        if isinstance(tree, ast.IfExp) and isinstance(tree.body, ast.Tuple) and isinstance(tree.orelse, ast.Tuple):
            yes, no = (
                [f"    {t} = {ast.unparse(e)}" for t, e in zip(targets, each.elts, strict=True)]
                for each in (tree.body, tree.orelse)
            )
            return [f"if {ast.unparse(tree.test)}:", *yes, "else:", *no]
    return [f"{', '.join(targets)} = {code}"]
