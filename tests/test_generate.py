import re
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flowcoll import config, generate
from flowcoll.options import docs as option_docs
from flowcoll.options.docs import drop_in, environment, page
from flowcoll.options.groups import SUPPORTED
from flowcoll.options.names import FILE, RENAMES
from flowcoll.options.table import GROUPS

ROOT = Path(__file__).parents[1]
ASSIGNMENT = re.compile(r'#Environment="((?:[^"\\]|\\.)*)"')


def assigned(line: str) -> tuple[str, str]:
    """What systemd makes of an Environment= line: quotes, then backslashes, then % (systemd.syntax(7), systemd.unit(5))."""
    found = ASSIGNMENT.fullmatch(line)
    assert found, line
    text = re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
    assert "%" not in text.replace("%%", "")
    name, _, value = text.replace("%%", "%").partition("=")
    return name, value


def test_derived_files_are_fresh() -> None:
    """What is in the checkout is what the tables say."""
    assert [str(path) for path, _ in generate.stale(ROOT)] == []


def test_rendering_is_repeatable() -> None:
    """The same tables give the same files."""
    assert (page(), drop_in()) == (page(), drop_in())


def test_check_names_stale_files_and_writes_nothing(tmp_path: Path) -> None:
    """With --check a stale file is named, the exit code is 1, and nothing is written."""
    result = CliRunner().invoke(generate.main, ["--check", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{path}: is stale; run python -m flowcoll.generate" for path, _ in generate.DERIVED
    ]
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_fresh(tmp_path: Path) -> None:
    """After writing, nothing is stale; after a change by hand, that file is."""
    runner = CliRunner()
    assert runner.invoke(generate.main, ["--root", str(tmp_path)]).exit_code == 0
    assert runner.invoke(generate.main, ["--check", "--root", str(tmp_path)]).exit_code == 0
    edited = tmp_path / "docs/options.md"
    edited.write_text(edited.read_text() + "\n")
    assert [path for path, _ in generate.stale(tmp_path)] == [edited]


def test_the_page_holds_every_option_and_every_older_name() -> None:
    """Each is a row of exactly one table."""
    rows = [line.split(" | ")[0] for line in page().splitlines() if line.startswith("| `")]
    names = [option.name for group in GROUPS for option in group.options] + [rename.old for rename in RENAMES]
    assert rows == [f"| `{name}`" for name in names]


def test_the_page_is_well_formed() -> None:
    """Every row of a table has as many cells as its heading, and every link of the contents has its heading."""
    columns = 0
    for line in page().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not cells or not columns or cells == columns, line
        columns = cells
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", page())) <= anchors


def test_no_example_of_a_secret() -> None:
    """The page masks even a default that everybody knows, and the drop-in asks for a file."""
    secrets = [o for g in GROUPS for o in g.options if o.type.secret]
    rows = {cells[0]: cells[2] for line in page().splitlines() if len(cells := line.strip("| ").split(" | ")) == 5}
    assert {rows[f"`{o.name}`"] for o in secrets if o.default} == {"`****`"}
    assert {rows[f"`{o.name}`"].strip() for o in secrets if not o.default} == {""}
    assert [line for o in secrets for line in option_docs._lines(o) if "=" in line] == [
        f'#Environment="{o.name}_FILE="' for o in secrets
    ]


def test_the_drop_in_holds_every_supported_option_and_no_other() -> None:
    """One line for each, all commented out."""
    lines = drop_in().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["[Service]"]
    names = [assigned(line)[0] for line in lines if line.startswith("#Environment=")]
    supported = [o for g in GROUPS for o in g.options if o.standing is SUPPORTED]
    assert names == [o.name.replace("<NAME>", "EXAMPLE") + FILE * o.type.secret for o in supported]


def test_the_drop_in_says_the_defaults(tmp_path: Path) -> None:
    """With every line taken into use, nothing changes and nothing is wrong."""
    environ = dict(assigned(line) for line in drop_in().splitlines() if line.startswith("#Environment="))
    options = config.load(None, environ, [], root=tmp_path)
    bare = config.load(None, {}, [], root=tmp_path)
    assert options.notices == ()
    assert {name: options[name] for name in bare} == dict(bare)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_value_survives_systemds_quoting(value: str) -> None:
    """What systemd makes of the line is the value."""
    assert assigned("#" + environment("EF_X", value)) == ("EF_X", value)
