import io
import json
import os
import resource
import signal

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.bulk import Refusal
from flowcoll.output.dead_letter import DeadLetters, Letter

NOW = 1_795_301_667.5  # 2026-11-21T22:54:27.500Z


class Letters:
    """A dead-letter file, and what a test wants to see of it."""

    def __init__(self, folder, **kwargs):
        self.counts, self.stream = Counts(), io.StringIO()
        self.file = DeadLetters(folder, "es.dc1", self.counts, Log(self.stream), clock=lambda: NOW, **kwargs)

    def append(self, *numbers, document=b'{"n":%d}'):
        refusal = Refusal(0, 400, "mapper_exception", "why")
        action = b'{"create":{"_index":"i","_id":"7"}}'
        self.file.append(
            [Letter(action, document % number if b"%" in document else document, refusal) for number in numbers]
        )

    def count(self, name):
        return self.counts[f"dead_letters.{name}.es.dc1"]


def test_a_dead_letter_says_what_and_why(tmp_path):
    """A line holds time, index, id, status, type, reason and the document itself; only its group may read the file."""
    letters = Letters(tmp_path / "dead-letter")
    letters.append(1, 2)
    path = tmp_path / "dead-letter" / "es.dc1.ndjson"
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "time": "2026-11-21T22:54:27.500Z",
        "index": "i",
        "id": "7",
        "status": 400,
        "type": "mapper_exception",
        "reason": "why",
        "document": {"n": 1},
    }
    assert second["document"] == {"n": 2}
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    assert letters.count("written") == 2


def test_a_document_that_is_no_json_is_kept_as_text(tmp_path):
    """Even a document that nobody can read leaves a line that everybody can."""
    letters = Letters(tmp_path)
    letters.append(1, document=b'{"n":\xff')
    assert json.loads(letters.file.path.read_text())["document"] == '{"n":\ufffd'


def test_dead_letters_are_bounded(tmp_path):
    """There are two files of bounded size; what goes with the older one is counted."""
    letters = Letters(tmp_path, max_octets=1000)
    for number in range(100):
        letters.append(number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["es.dc1.1.ndjson", "es.dc1.ndjson"]
    assert all(file.stat().st_size <= 1000 for file in files)
    kept = [json.loads(line)["document"]["n"] for file in files for line in file.read_text().splitlines()]
    assert kept == list(range(100 - len(kept), 100))
    assert letters.count("written") == letters.count("removed") + len(kept) == 100


def test_dead_letters_that_cannot_be_written(tmp_path):
    """A folder that cannot be had is counted and told once a minute; nothing is raised."""
    (tmp_path / "taken").write_text("a file")
    letters = Letters(tmp_path / "taken")
    letters.append(1, 2)
    letters.append(3)
    assert letters.count("failed") == 3
    (line,) = map(json.loads, letters.stream.getvalue().splitlines())
    assert line["level"] == "error"
    assert "EF_STATE_PATH" in line["msg"]


def test_a_full_disk_tears_no_line(tmp_path):
    """Of a line that does not fit nothing stays, and what comes when there is room again is whole."""
    letters = Letters(tmp_path)
    letters.append(1)
    size = letters.file.path.stat().st_size
    child = os.fork()
    if not child:  # a limit on the size of files stands for the disk; it holds for this child only
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
        letters.append(2)
        os._exit(0 if letters.count("failed") == 1 and letters.file.path.stat().st_size == size else 1)
    assert os.waitpid(child, 0)[1] == 0
    letters.append(3)
    assert [json.loads(line)["document"]["n"] for line in letters.file.path.read_text().splitlines()] == [1, 3]
