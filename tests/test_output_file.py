import io
import json
import os
import resource
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.output import open_outputs
from flowcoll.output.file import LineOutput
from flowcoll.output.target import Target, file_target, ndjson, pretty

DOCUMENTS = ['{"a":1}', '{"b":{"c":"\\u00e9"}}']


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def log(stream):
    return Log(stream)


def never(_fd, _timeout_s):
    return False


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def told(counts):
    """Documents delivered, and dropped by reason; both counters of dropped documents agree."""
    because = "documents.dropped_because.file."
    reasons = {key.removeprefix(because): count for key, count in counts.items() if key.startswith(because)}
    assert counts["documents.dropped.file"] == sum(reasons.values())
    return counts["documents.delivered.file"], reasons


def read_all(fd):
    pieces = []
    while select.select([fd], [], [], 0)[0] and (piece := os.read(fd, 65536)):
        pieces.append(piece)
    return b"".join(pieces)


def test_documents_are_appended_as_lines(tmp_path, counts, log):
    """Each document is a line behind what the file already holds; the file is 0640 and the count is told."""
    path = tmp_path / "flows.ndjson"
    for _ in range(2):
        output = LineOutput(file_target("file", path), counts, log)
        output.write(DOCUMENTS)
        output.write([])
        output.close()
    assert path.read_text() == ("\n".join(DOCUMENTS) + "\n") * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert counts == {"documents.delivered.file": 4, "documents.dropped.file": 0}


def test_pretty_is_the_same_document():
    """The indented form holds the same values, over several lines."""
    text = pretty(DOCUMENTS).decode()
    decoder, found = json.JSONDecoder(), []
    while text.strip():
        document, end = decoder.raw_decode(text.lstrip())
        found.append(document)
        text = text.lstrip()[end:]
    assert found == [json.loads(document) for document in DOCUMENTS]
    assert b'{\n  "a": 1\n}\n' in pretty(DOCUMENTS)


@pytest.mark.parametrize(("name", "words"), [("no/such/flows", "directory does not exist"), ("", "is a directory")])
def test_a_path_that_cannot_be_written(tmp_path, counts, log, name, words):
    """A path that cannot work is a ConfigError naming path, reason and what to do."""
    with pytest.raises(ConfigError) as caught:
        LineOutput(file_target("file", tmp_path / name), counts, log)
    assert str(tmp_path / name) in str(caught.value)
    assert words in str(caught.value)
    assert "choose another" in str(caught.value)


def test_dev_null(counts, log):
    """The null device takes everything."""
    output = LineOutput(file_target("file", Path("/dev/null")), counts, log)
    output.write(DOCUMENTS)
    output.close()
    assert counts == {"documents.delivered.file": 2, "documents.dropped.file": 0}


def test_a_full_device_is_counted_and_told_once(counts, stream, log):
    """What a full disk refuses is counted, told at most once a minute, and ends nothing."""
    output = LineOutput(file_target("file", Path("/dev/full")), counts, log)
    for _ in range(5):
        output.write(DOCUMENTS)
    output.close()
    assert told(counts) == (0, {"error": 10})
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["output"], line["reason"]) == ("error", "file", "No space left on device")


def test_a_line_cut_by_a_full_disk_is_ended_later(tmp_path, counts, log):
    """When space runs out within a line, its rest comes before anything else: the file never holds a torn line."""
    path = tmp_path / "flows.ndjson"
    output = LineOutput(file_target("file", path), counts, log)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    documents = [json.dumps({"n": n, "pad": "x" * 50}) for n in range(10)]
    length = len(documents[0]) + 1
    try:
        for limit in (length * 3 + 10, length * 3 + 20):  # the second one lets only a part of the rest go
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            output.write(documents)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told(counts) == (3, {"error": 6 + 10})
    output.write(documents[4:6])
    output.close()
    lines = [json.loads(line)["n"] for line in path.read_text().splitlines()]
    assert lines == [0, 1, 2, 3, 4, 5]
    assert counts["documents.delivered.file"] == 6


def test_reopen_goes_on_in_a_new_file(tmp_path, counts, log):
    """After the file was moved away and `reopen`, documents go into a new file of the old name."""
    path = tmp_path / "flows.ndjson"
    output = LineOutput(file_target("file", path), counts, log)
    output.write(DOCUMENTS[:1])
    path.rename(tmp_path / "flows.1")
    output.write(DOCUMENTS[1:])
    output.reopen()
    output.write(DOCUMENTS[:1])
    output.close()
    assert (tmp_path / "flows.1").read_text() == ndjson(DOCUMENTS).decode()
    assert path.read_text() == ndjson(DOCUMENTS[:1]).decode()


def test_reopen_that_fails_keeps_the_old_file(tmp_path, counts, stream, log):
    """When the new file cannot be opened, documents go on into the one that is open, and the log says why."""
    folder = tmp_path / "folder"
    folder.mkdir()
    output = LineOutput(file_target("file", folder / "flows"), counts, log)
    folder.rename(tmp_path / "moved")
    output.reopen()
    output.write(DOCUMENTS)
    output.close()
    assert (tmp_path / "moved" / "flows").read_bytes() == ndjson(DOCUMENTS)
    assert "its directory does not exist" in stream.getvalue()


def test_a_fifo_waits_for_no_reader(fifo, counts, log):
    """Without a reader documents are dropped and counted; a reader that comes gets whole lines from then on."""
    output = LineOutput(file_target("file", fifo), counts, log)
    output.write(DOCUMENTS)
    assert told(counts) == (0, {"no_reader": 2})
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        output.write(DOCUMENTS)
        assert read_all(reader) == ndjson(DOCUMENTS)
    finally:
        os.close(reader)
    output.write(DOCUMENTS)
    output.close()
    assert told(counts) == (2, {"no_reader": 4})


def test_a_stalled_reader_is_waited_for_once_and_gets_no_torn_line(fifo, counts, stream, log):
    """A reader that stops costs one wait, then documents are dropped; when it reads again it finds whole lines, and the counts add up."""
    waits = []

    def wait(_fd, timeout_s):
        waits.append(timeout_s)
        return False

    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    output = LineOutput(file_target("file", fifo), counts, log, wait)
    documents = [json.dumps({"n": n, "pad": "x" * 1000}) for n in range(100)]
    try:
        for _ in range(4):
            output.write(documents)
        assert len(waits) == 1
        assert 0 < waits[0] <= 5
        got = read_all(reader)
        output.write(documents[:10])
        got += read_all(reader)
        output.close()
        lines = got.decode().splitlines()
        numbers = [json.loads(line)["n"] for line in lines]
    finally:
        os.close(reader)
    assert numbers[-10:] == list(range(10))
    assert numbers[:-10] == list(range(len(numbers) - 10))
    assert counts["documents.delivered.file"] == len(numbers)
    assert told(counts) == (len(numbers), {"reader_slow": 410 - len(numbers)})
    assert len(stream.getvalue().splitlines()) == 1


def test_a_slow_reader_gets_everything(fifo, counts, log):
    """A reader that is slower than the writer gets every document."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    got = []

    def wait(_fd, _timeout_s):
        got.append(os.read(reader, 10_000))
        return True

    try:
        output = LineOutput(file_target("file", fifo), counts, log, wait)
        documents = [json.dumps({"n": n, "pad": "x" * 1000}) for n in range(300)]
        output.write(documents)
        output.close()
        got.append(read_all(reader))
    finally:
        os.close(reader)
    assert b"".join(got) == ndjson(documents)
    assert counts == {"documents.delivered.file": 300, "documents.dropped.file": 0}


def test_a_line_begun_for_a_reader_that_went_is_dropped(fifo, counts, log):
    """What was begun for one reader is not ended for the next one, and counts as dropped."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    output = LineOutput(file_target("file", fifo), counts, log, never)
    documents = [json.dumps({"n": n, "pad": "x" * 1000}) for n in range(100)]
    output.write(documents)
    os.close(reader)
    output.write(documents[:1])  # finds that nobody reads
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        output.write(documents[:3])
        assert read_all(reader) == ndjson(documents[:3])
    finally:
        os.close(reader)
        output.close()
    delivered, dropped = told(counts)
    assert dropped == {"reader_slow": 104 - 2 - delivered, "no_reader": 2}


def test_an_output_of_its_own_name_counts_under_it(counts, log):
    """Counters carry the output's name."""
    output = LineOutput(Target("file.dc1", lambda: os.open(os.devnull, os.O_WRONLY)), counts, log)
    output.write(DOCUMENTS)
    output.flush()
    output.close()
    assert counts == {"documents.delivered.file.dc1": 2, "documents.dropped.file.dc1": 0}


def test_stdout_never_becomes_non_blocking_for_others():
    """Writing to a pipe as standard output leaves the flags of the shared descriptor as they were."""
    code = """
import fcntl, os, sys
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.file import LineOutput
from flowcoll.output.target import stdout_target
counts = Counts()
output = LineOutput(stdout_target("stdout", "json"), counts, Log(sys.stderr))
output.write(['{"a":1}'])
output.close()
print(fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK, dict(counts), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '{"a":1}\n'
    assert done.stderr == "0 {'documents.delivered.stdout': 1, 'documents.dropped.stdout': 0}\n"


def test_outputs_of_several_names(tmp_path, counts, log):
    """Every output that is switched on is opened, and those with a name of their own count under it."""
    options = defaults(
        EF_NORTH_OUTPUT_FILE_ENABLE=True,
        EF_NORTH_OUTPUT_FILE_PATH=tmp_path / "north",
        EF_SOUTH_OUTPUT_FILE_ENABLE=True,
        EF_SOUTH_OUTPUT_FILE_PATH=tmp_path / "south",
        EF_WEST_OUTPUT_FILE_PATH=tmp_path / "west",
    )
    outputs = open_outputs(options, counts, log, never)
    for output in outputs:
        output.write(DOCUMENTS)
        output.close()
    assert [output.name for output in outputs] == ["file.north", "file.south"]
    assert (tmp_path / "north").read_bytes() == (tmp_path / "south").read_bytes() == ndjson(DOCUMENTS)
    assert counts["documents.delivered.file.north"] == counts["documents.delivered.file.south"] == 2
    assert not (tmp_path / "west").exists()
