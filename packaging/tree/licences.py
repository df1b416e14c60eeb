"""Write the copyright file of the packages: `python licences.py TREE LINKED`, before the tree is trimmed.

It is machine-readable as Debian wants it (copyright format 1.0): the collector, the interpreter with what it has within
(LINKED, kept by hand), and each wheel with the texts that came in it.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: flowcoll
Comment: What is below usr/lib/flowcoll is a private Python with the libraries that the collector uses.

Files: *
Copyright: the flowcoll authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0; elsewhere it is the file LICENSE beside this one.
"""
_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_HOLDER = re.compile(r"^[\s#*]*(?:copyright\s*)?(?:\(c\)|©|copyright)\s*(?:\(c\)|©)?[:\s]*(.*\S)", re.IGNORECASE)
_NAMES = {"MIT": "Expat", "BSD-2-Clause": "BSD-2-clause", "BSD-3-Clause": "BSD-3-clause"}
"""SPDX identifier -> Debian's short name."""

_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-clause",
    "MIT License": "Expat",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "Python-2.0",
    "Zope Public License": "ZPL-2.1",
}


_APACHE = "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"
_APACHE_HERE = "The Apache License, Version 2.0; see its paragraph at the top of this file.\n"


class Untold(Exception):  # noqa: N818  it is what the licence is
    """A distribution does not say how it is licensed."""


def licence(distribution: Distribution) -> str:
    """Give the short name of a licence, or of several that hold together."""
    meta = distribution.metadata
    told = meta.get("License-Expression") or ""
    if not told:
        ends = [
            value.rsplit(" :: ", 1)[-1] for value in meta.get_all("Classifier", []) if value.startswith("License ::")
        ]
        told = " and ".join(sorted({_CLASSIFIED[end] for end in ends if end in _CLASSIFIED}))
    told = told or (meta.get("License") or "").strip()
    if not told or "\n" in told:
        raise Untold(f"{meta['Name']}: how it is licensed is in none of License-Expression, Classifier, License")
    words = re.sub(r"\bAND\b", "and", re.sub(r"\bOR\b", "or", told)).replace("(", "").replace(")", "").split()
    return " ".join(_NAMES.get(word, word) for word in words)


def texts(distribution: Distribution) -> list[tuple[str, str]]:
    """Give name and text of each licence file that came with it; the Apache License is named, not repeated."""
    found = {}
    for file in distribution.files or ():
        inside = ".dist-info/" in f"{file.parent}/"
        if inside and _TEXT.search(file.name):
            text = file.read_text(encoding="utf-8")
            found[file.name] = _APACHE_HERE if _APACHE in text else text
    return sorted(found.items())


def holders(text: str) -> list[str]:
    """Give who has the copyright, as the text itself says it."""
    found = (_HOLDER.match(line) for line in text.splitlines())
    return list(dict.fromkeys(match[1].strip(" .") for match in found if match and re.search(r"\d{4}", match[1])))


def paragraph(distribution: Distribution, site: str) -> str:
    """Give what the file says of one wheel."""
    name, files = licence(distribution), texts(distribution)
    if not files:
        raise Untold(f"{distribution.metadata['Name']}: its wheel has no licence file")
    joined = "\n\n".join(f"[{file}]\n\n{text}" if len(files) > 1 else text for file, text in files)
    authors = holders(joined) or [f"the authors of {distribution.metadata['Name']}"]
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    lines = [
        f"Files: {' '.join(f'{site}/{top}*' for top in sorted(tops))}",
        "Copyright: " + "\n ".join(authors),
        f"License: {name}",
        *(f" {line.rstrip()}" if line.strip() else " ." for line in joined.strip().expandtabs().splitlines()),
    ]
    return "\n".join(lines) + "\n"


def paragraphs(tree: Path, linked: str) -> Iterator[str]:
    """Give the paragraphs of the file."""
    library = next((tree / "lib").glob("python3.*"))
    site = f"usr/lib/flowcoll/lib/{library.name}/site-packages"
    yield HEAD
    yield linked
    text = (library / "LICENSE.txt").read_text(encoding="utf-8").strip()
    yield "License: Python-2.0\n" + "".join(
        f" {line.rstrip()}\n" if line.strip() else " .\n" for line in text.splitlines()
    )
    found = {each.metadata["Name"].lower(): each for each in distributions(path=[str(library / "site-packages")])}
    for name in sorted(found.keys() - {"pip", "setuptools", "wheel"}):
        yield paragraph(found[name], site)


def main(tree: Path, linked: Path) -> int:
    """Print the file; give the exit code."""
    try:
        text = "\n".join(paragraphs(tree, linked.read_text(encoding="utf-8")))
    except Untold as exc:
        print(exc, file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
