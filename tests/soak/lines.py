"""The documents in the files that a collector writes."""

import os
from collections import Counter
from pathlib import Path

import orjson


class Lines:
    """Reads files of documents as they grow. whole: how many there are; torn: lines that are none; by exporter."""

    def __init__(self) -> None:
        self.whole = self.torn = 0
        self.by_exporter: Counter[str] = Counter()
        self._read: Counter[int] = Counter()  # inode -> octets: a file may be moved

    def read(self, path: Path, *, end: bool = False) -> None:
        """Read what has come; `end`: nothing more will, so that the last line may be torn too."""
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            file.seek(self._read[inode])
            for line in file:
                if not (line.endswith(b"\n") or end):
                    break
                self._read[inode] += len(line)
                self._count(line)

    def forget(self, path: Path) -> None:
        """Remove a file that nobody writes to any more and that was read."""
        del self._read[path.stat().st_ino]
        path.unlink()

    def _count(self, line: bytes) -> None:
        try:
            exporter = orjson.loads(line)["observer"]["ip"]
        except orjson.JSONDecodeError:
            self.torn += 1
            return
        self.whole += 1
        for each in [exporter] if isinstance(exporter, str) else exporter:
            self.by_exporter[each] += 1
