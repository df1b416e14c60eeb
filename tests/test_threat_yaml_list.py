"""A dictionary read line by line says what YAML says."""

from hypothesis import assume, given
from hypothesis import strategies as st

from flowcoll.threat.reading import yaml_list
from flowcoll.threat.reading.yaml_text import Scalar, parts

QUOTED = st.text(alphabet="a1 ,:.#-&*[]{}|>%@!?~", max_size=6)
KEYS = st.sampled_from(["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::"]) | st.text("af0.:/", max_size=4)
VALUES = st.text(alphabet="a1 ,:.#-&*()/+_", max_size=8) | st.sampled_from(["null", "~", "nullify"])


def written(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return text | QUOTED.map('"{}"'.format) | QUOTED.map("'{}'".format)


LINES = st.tuples(
    written(KEYS), st.sampled_from([": ", ":  ", ":\t"]), written(VALUES), st.sampled_from(["", " # x", " "])
)


@given(st.lists(LINES.map("".join) | st.sampled_from(["", "# x", "---"]), max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_line_by_line(lines: list[str], end: str) -> None:
    """Where all lines look like members, these are the rows; else all is read as YAML."""
    text = "".join(line + end for line in lines).encode()
    assume(yaml_list._is_dictionary(text) and lines.count("---") == 0)
    by_yaml = []
    for key, value in parts(text):
        assert key is not None
        assert isinstance(value, Scalar)
        by_yaml.append((key.line, key.text, value.text.strip()))
    assert list(yaml_list._dictionary(text)) == by_yaml
