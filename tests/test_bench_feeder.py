import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.feeder import WAYS
from corpus import goldens
from elastic_node import Node
from service import text
from stored import Stored, output

NAMESPACE = "feeder"


@pytest.mark.stack
def test_every_way_writes_every_document(node: Node, tmp_path: Path) -> None:
    """The bench compares like with like: whichever way documents are written, Elasticsearch has all of them."""
    texts = [(golden.folder / "expected.ndjson").read_text() for golden in goldens()]
    file = tmp_path / "documents.ndjson"
    file.write_text("".join(texts))
    count = file.read_text().count("\n")
    options = {name: text(value) for name, value in output(node, NAMESPACE).items()}
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "EF_STATE_PATH": str(tmp_path)} | options
    for number, way in enumerate(WAYS, 1):
        command = [sys.executable, "-m", "bench.feeder", way, str(file)]
        done = subprocess.run(command, env=environ, input="go\n", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        ready, told = done.stdout.splitlines()
        assert ready == "ready"
        assert json.loads(told).keys() == {"seconds", "cpu_s"}
        assert Stored(node, NAMESPACE).count() == count * number
