"""Requests of the installer."""

import pytest

from flowcoll.errors import SetupError
from flowcoll.setup.plan import Kind, Thing
from flowcoll.setup.requests import body_of

ANSWERS: dict[Kind, object] = {
    "lifecycle policy": {"logs": {"policy": {"phases": {}}}},
    "component template": {"component_templates": [{"component_template": {"phases": {}}}]},
    "index template": {"index_templates": [{"index_template": {"phases": {}}}]},
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_body_is_what_the_server_has(kind: Kind) -> None:
    """What the server keeps is given as it was put."""
    assert body_of(_thing(kind), ANSWERS[kind]) == {"phases": {}}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("answer", [{}, {"logs": []}, {"component_templates": [], "index_templates": [0]}], ids=repr)
def test_an_answer_without_it_is_one_line(kind: Kind, answer: dict[str, object]) -> None:
    """Whoever answers something else is named, and nothing fails where it may not."""
    with pytest.raises(SetupError, match=rf"^the answer to GET /.*logs holds no {kind}; is that Elasticsearch\?$"):
        body_of(_thing(kind), answer)


def _thing(kind: Kind) -> Thing:
    return Thing(kind, "logs")
