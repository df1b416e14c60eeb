"""What docs/install.md tells people to type is what the collector understands."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from flowcoll import cli, config
from flowcoll.options.names import meaning

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "install.md").read_text()
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = sorted(
    {
        line.split("#")[0].removeprefix("sudo ").strip()
        for _, block in BLOCKS
        for line in block.splitlines()
        if line.startswith(("flowcoll ", "sudo flowcoll "))
    }
    | set(re.findall(r"`(?:sudo )?(flowcoll [a-z-]+(?: --[^`]*)?)`", PAGE))
)


def test_there_are_commands() -> None:
    """They were found."""
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    """It exists, and so do its options."""
    _, name, *words = shlex.split(line)
    command = cli.commands.commands[name]
    command.make_context(name, words, resilient_parsing=False)


@pytest.mark.parametrize("text", [block for form, block in BLOCKS if form == "yaml"])
def test_options_in_files_can_work(text: str, tmp_path: Path) -> None:
    """Every one of them is known and has a value it may have; secrets come from a file that is there."""
    values = yaml.safe_load(text)
    (tmp_path / "key").write_text("secret")
    values |= {name: str(tmp_path / "key") for name in values if name.endswith("_FILE")}
    assert config.load(None, {name: str(value) for name, value in values.items()}, [], root=tmp_path).notices == ()


def test_every_option_that_is_named_is_known() -> None:
    """In the text, too."""
    names = set(re.findall(r"\bEF_[A-Z0-9_]+[A-Z0-9]\b(?!_?…)", PAGE)) - {"EF_PROCESSOR_ENRICH_IPADDR_THREAT"}
    assert [name for name in sorted(names) if meaning(name) is None] == []


def test_links_lead_somewhere() -> None:
    """To pages beside it, and to its own headings."""
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        page, _, anchor = target.partition("#")
        assert (DOCS / page).is_file() if page else anchor in anchors, target
