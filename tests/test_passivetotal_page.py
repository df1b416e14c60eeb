"""What docs/passivetotal.md tells people to set and to type is what the collector understands."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from flowcoll import cli, config
from flowcoll.options.names import meaning
from flowcoll.output.riskiq import fcfx
from flowcoll.output.riskiq.encoder import LARGEST
from flowcoll.output.riskiq.receive import WINDOW
from test_transfer_report import judged

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "passivetotal.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(form: str) -> str:
    (only,) = [text for kind, text in BLOCKS if kind == form]
    return only


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """The settings for Docker Compose and those for the unit are the same, switch both halves on, and can work."""
    values = {name: str(value) for name, value in yaml.safe_load(block("yaml")).items()}
    options = config.load(None, values, [], root=tmp_path)
    assert options.notices == ()
    assert options["EF_OUTPUT_RISKIQ_ENABLE"]
    assert options["EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENABLE"]
    found = judged(tmp_path, block("ini"))
    assert found.problems == ()
    assert dict(re.findall(r'^Environment="(\w+)=(.*)"$', block("ini"), re.MULTILINE)) == values


def test_every_option_that_is_named_is_known() -> None:
    """In the text, too."""
    names = set(re.findall(r"\bEF_[A-Z0-9_]+[A-Z0-9]\b(?!_?\.\.\.)", PAGE))
    assert [name for name in sorted(names) if meaning(name) is None] == []


def test_the_command_is_understood() -> None:
    """The receiver has the options that are named."""
    (line,) = [line for _, text in BLOCKS for line in text.splitlines() if line.startswith("flowcoll ")]
    _, name, *words = shlex.split(line)
    cli.commands.commands[name].make_context(name, words, resilient_parsing=False)


@pytest.mark.parametrize(
    "words",
    [
        f"at most {LARGEST} octets",
        f"the last {WINDOW} frames",
        f"length of the header, {fcfx.HEADER.size} ",
        f"Octets 0 to {fcfx.HEADER.size - 1} are",
        f'"{fcfx.MAGIC.decode()}"   4 version {fcfx.VERSION} ',
    ],
)
def test_figures(words: str) -> None:
    """Figures of the frames are those of the code."""
    assert words in PAGE


def test_links_lead_somewhere() -> None:
    """To pages beside it, and to headings there or in itself."""
    for page, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", PAGE):
        text = (DOCS / page).read_text() if page else PAGE
        heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors, anchor
