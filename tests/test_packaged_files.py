"""What the packages put into /etc: examples in comments, which work once somebody takes the # away."""

import re
from pathlib import Path

import pytest
import yaml

from flowcoll import config
from flowcoll.threat.matching.scope import false_positives, scope

ROOT = Path(__file__).parents[1] / "packaging/common"
ETC = ROOT / "etc"


def uncommented(path: Path) -> bytes:
    """Take the # away from examples: prose has one space behind it."""
    return re.sub(rb"^#(?=\S|  \S)", b"", path.read_bytes(), flags=re.MULTILINE)


def test_nothing_is_said_before_somebody_says_it():
    """As they are installed, files of options and of rules say nothing."""
    for path in ETC.rglob("*"):
        if path.is_file():
            assert {line[:1] for line in path.read_text().splitlines()} == {"#"}, path
    assert not false_positives(ETC, (ETC / "threats/false_positives.yml").read_bytes())
    empty = scope(ETC, (ETC / "riskiq/incl_excl.yml").read_bytes())
    assert (empty.included, empty.excluded) == (0, 0)


def test_examples_of_rules():
    """Examples of rules are rules."""
    path = ETC / "riskiq/incl_excl.yml"
    said = scope(path, uncommented(path))
    assert said.included
    assert said.excluded
    path = ETC / "threats/false_positives.yml"
    forever, until = false_positives(path, uncommented(path))
    assert (forever.lists, bool(until.lists)) == ((), True)
    assert until.until < forever.until


@pytest.mark.parametrize("name", ["drop-in.conf", "etc/flowcoll.yml"])
def test_examples_of_options(name):
    """Every option of an example is one of ours, with a value that it takes."""
    text = uncommented(ROOT / name).decode()
    if name.endswith(".conf"):
        said = dict(re.findall(r'^Environment="(\w+)=(.*)"$', text, re.MULTILINE))
    else:
        said = {
            key: ",".join(value) if isinstance(value, list) else str(value)
            for key, value in yaml.safe_load(text).items()
        }
    assert len(said) > 3
    switches = {key: "false" for key in said if key.endswith("_ENABLE")}  # what they need besides stands elsewhere
    files = [key for key in said if key.endswith("_FILE")]
    assert files == ["EF_OUTPUT_ELASTICSEARCH_API_KEY_FILE"]
    rest = {key: value for key, value in said.items() if key not in files}
    assert not config.load(None, {**rest, **switches}, (), root=ROOT).notices
