"""Options of a Docker Compose file."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.transfer.compose import UnsetError, replaced
from flowcoll.transfer.found import Found
from flowcoll.transfer.reading import read


def compose(folder: Path, text: str, environ: Mapping[str, str] | None = None, service: str | None = None) -> Found:
    """Read a file of this text."""
    file = folder / "docker-compose.yml"
    file.write_text(text)
    return read(file, environ or {}, service)


def values(found: Found) -> dict[str, str]:
    assert found.problems == []
    return {given.name: given.text for given in found.given}


TWO = """
services:
  elasticsearch: {image: docker.elastic.co/elasticsearch/elasticsearch:8.19.0, environment: [ES_JAVA_OPTS=-Xmx1g]}
  collector:
    image: elastiflow/flow-collector:6.4.0
"""


def test_a_map_and_a_list_say_the_same(tmp_path: Path) -> None:
    """Values are taken as they are written."""
    expected = {"EF_FLOW_SERVER_UDP_PORT": "2055,9995", "EF_API_PORT": "8080", "EF_LICENSE_ACCEPTED": "true"}
    as_map = "    environment:\n" + "".join(f"      {name}: '{value}'\n" for name, value in expected.items())
    as_list = "    environment:\n" + "".join(f'      - "{name}={value}"\n' for name, value in expected.items())
    assert values(compose(tmp_path, TWO + as_map)) == expected
    found = compose(tmp_path, TWO + as_list)
    assert values(found) == expected
    assert found.form == "Docker Compose file, service collector"
    assert found.given[0].where == f"{tmp_path}/docker-compose.yml:7"


def test_anchors_are_merged_and_own_values_win(tmp_path: Path) -> None:
    """As compose does it."""
    head = "x-all: &all {EF_API_PORT: 1, EF_LOGGER_LEVEL: debug}\n"
    found = compose(tmp_path, head + TWO + "    environment:\n      <<: *all\n      EF_API_PORT: 2\n")
    assert values(found) == {"EF_API_PORT": "2", "EF_LOGGER_LEVEL": "debug"}


def test_files_give_way_to_the_service_itself(tmp_path: Path) -> None:
    """Every form of env_file is read; a missing one that is required is a problem."""
    (tmp_path / "a.env").write_text("EF_API_PORT=1\nEF_LOGGER_LEVEL='$X'\n")
    own = "    environment: {EF_API_PORT: 2}\n"
    for form in ("a.env", "[a.env]", "[{path: a.env, required: false}, {path: none.env, required: false}]"):
        found = compose(tmp_path, f"{TWO}    env_file: {form}\n{own}")
        assert values(found) == {"EF_API_PORT": "2", "EF_LOGGER_LEVEL": "$X"}
    found = compose(tmp_path, f"{TWO}    env_file: none.env\n")
    assert "none.env cannot be read" in found.problems[0]


def test_variables_come_from_who_starts_it_and_from_dotenv(tmp_path: Path) -> None:
    """The environment wins over .env; what nobody has is empty, with one notice."""
    (tmp_path / ".env").write_text("HOST=from-file\nPORT=1\n")
    own = "    environment: {EF_A_X: '${HOST}:${PORT}', EF_A_Y: '${NONE}${NONE}', EF_A_Z: null, EF_API_IP: }\n"
    found = compose(tmp_path, TWO + own, {"HOST": "from-environment", "EF_A_Z": "z"})
    assert values(found) == {"EF_A_X": "from-environment:1", "EF_A_Y": "", "EF_A_Z": "z"}
    assert [notice.partition(": ")[2] for notice in found.notices] == [
        "${NONE} is not set, and counts as empty",
        "EF_API_IP comes from who starts it, and is not set here",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", "a"),
        ("${A}", "a"),
        ("$$A", "$A"),
        ("${NO:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${NO-x}", "x"),
        ("${A:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${NO:-${A}b}c", "abc"),
        ("${NO:-${ALSO:-x}}", "x"),
        ("${A:?say}", "a"),
        ("100$", "100$"),
        ("${}", "${}"),
    ],
)
def test_replacement(text: str, expected: str) -> None:
    """Every form of the Compose Specification."""
    assert replaced(text, {"A": "a", "EMPTY": ""}, []) == expected


def test_a_variable_that_has_to_be_set(tmp_path: Path) -> None:
    """Is a problem with the words of who wrote it."""
    with pytest.raises(UnsetError, match=r"^\$\{NO\} has to be set: give one$"):
        replaced("${NO:?give one}", {}, [])
    found = compose(tmp_path, TWO + "    environment: {EF_API_IP: '${NO:?give one}'}\n")
    assert found.problems == [f"{tmp_path}/docker-compose.yml:6: ${{NO}} has to be set: give one"]


@given(st.text("${}:-?+AB"))
def test_any_text_is_replaced_or_unset(text: str) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(UnsetError):
        replaced(text, {"A": "a"}, [])


def test_which_service_is_meant(tmp_path: Path) -> None:
    """The one with the collector's image, else the one with options; --service says it where several are."""
    text = "services:\n  a: {environment: [EF_API_PORT=1]}\n  b: {image: x}\n"
    assert values(compose(tmp_path, text)) == {"EF_API_PORT": "1"}
    text = "services:\n  a: {environment: [EF_API_PORT=1]}\n  b: {environment: {EF_API_PORT: 2}}\n"
    (problem,) = compose(tmp_path, text).problems
    assert problem.endswith("docker-compose.yml: several services are collectors; name one with --service: a, b")
    assert values(compose(tmp_path, text, service="b")) == {"EF_API_PORT": "2"}
    (problem,) = compose(tmp_path, text, service="c").problems
    assert problem.endswith("docker-compose.yml: --service c: there is no such service; there are a, b")
    assert "no service has options" in compose(tmp_path, "services:\n  a: {image: x}\n").problems[0]
