"""The manual page, and what shells need to complete our command line."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from flowcoll import cli, generate
from flowcoll.cli import completions, manual
from flowcoll.options.groups import SUPPORTED
from flowcoll.options.table import GROUPS

PAGE = manual.page(cli.commands)
REQUESTS = {".nh", ".ad", ".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".BR", '.\\"'}


def plain(text: str) -> str:
    """What a reader sees of a line."""
    return (
        text.replace("\\-", "-").replace("\\(ga", "`").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\e", "\\")
    )


def test_every_command_and_option_is_in_it() -> None:
    """With what it takes, and its help."""
    lines = plain(PAGE).splitlines()
    for name, command in manual.every(cli.commands):
        assert f'.SS "{name}"' in lines
        for each in command.params:
            if isinstance(each, click.Option):
                assert f".B {manual.option(each)}" in lines
                assert each.help in lines


def test_every_supported_option_is_in_it_and_no_secret() -> None:
    """By its name; a default that is a secret is masked."""
    names = re.findall(r"^\.B (EF_\S+)$", plain(PAGE), re.MULTILINE)
    assert names[:-1] == [o.name for g in GROUPS for o in g.options if o.standing is SUPPORTED]
    assert "changeme" not in PAGE


def test_it_is_roff_of_a_few_requests() -> None:
    """No text is taken for a request, and no hyphen for a dash."""
    for line in PAGE.splitlines():
        assert line, "an empty line is a paragraph that roff warns of"
        if line.startswith((".", "'")):
            assert line.split(" ")[0] in REQUESTS, line
        else:
            assert not re.search(r"(?<!\\)-", line), line
    assert not re.search(r"\\(?![-e&(])", "".join(line for line in PAGE.splitlines() if not line.startswith('.\\"')))


def test_sections_come_in_their_usual_order() -> None:
    """As man-pages(7) wants them."""
    assert re.findall(r"^\.SH (.*)$", PAGE, re.MULTILINE) == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "CONFIGURATION", "ENVIRONMENT", "FILES", "SIGNALS"),
        *("EXIT STATUS", "SEE ALSO"),
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["flowcoll", "doc"], ["doctor"]), (["flowcoll", "setup-elasticsearch", "--dry"], ["--dry-run"])],
)
def test_bash_completes(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    """Commands and their options, with the script that the packages install."""
    file = tmp_path / completions.FILES["bash"]
    file.write_text(completions.script("bash", cli.commands))
    program = tmp_path / "flowcoll"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m flowcoll "$@"\n')
    program.chmod(0o755)
    quoted = " ".join(f"'{word}'" for word in words)
    steps = f". {file}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _flowcoll_completion flowcoll; "
    done = subprocess.run(
        ["bash", "-c", steps + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected
    assert done.stderr == ""


@pytest.mark.parametrize("shell", completions.FILES)
def test_scripts_are_for_our_command(shell: str) -> None:
    """And say what has written them; zsh wants its mark first."""
    script = completions.script(shell, cli.commands)
    assert "_FLOWCOLL_COMPLETE" in script
    assert script.splitlines()[-1].startswith("# written with click ")
    assert (script.startswith("#compdef flowcoll\n")) is (shell == "zsh")


def test_what_another_version_of_click_writes_is_not_stale(tmp_path: Path) -> None:
    """Only the same version has to write the same."""
    script = completions.script("bash", cli.commands)
    file = tmp_path / "file"
    table = (("file", lambda: script),)
    for text, stale in (
        (script, False),
        (script.replace("compopt", "x"), True),
        (re.sub(r"click \S+", "click 0.1", script.replace("compopt", "x")), False),
    ):
        file.write_text(text)
        assert bool(generate.stale(tmp_path, table)) is stale
