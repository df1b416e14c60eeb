"""What the supervisor hands over is what the child has."""

from pathlib import Path

import pytest

from flowcoll.collect.handover import Handover, Place
from flowcoll.config import describe, load
from flowcoll.member import Member


@pytest.fixture
def options(tmp_path):
    key = tmp_path / "key"
    key.write_text("s3cret-word\n")
    config = tmp_path / "flowcoll.yml"
    config.write_text(
        f"EF_OUTPUT_ELASTICSEARCH_API_KEY_FILE: {key}\n"
        "EF_OUTPUT_ELASTICSEARCH_ENABLE: true\n"
        "EF_LAB_OUTPUT_FILE_ENABLE: true\n"
        "EF_LAB_OUTPUT_FILE_PATH: /dev/null\n"
        "EF_PROCESSOR_ENRICH_IPADDR_THREAT_OWN_ENABLE: false\n"
    )
    return load(config, {"EF_API_PORT": "8081"}, ["EF_INSTANCE_NAME=one two"], root=tmp_path)


def test_options_are_the_same(options):
    """A child has every option with value and origin, named outputs and lists, and knows where secrets are kept."""
    places = (Place(7, "::", 9995, 4096),)
    handed = Handover("worker", Member(1, 3), 1, 4, 5, 6, 8, places, options.resolved())
    found = Handover.read(handed.write())
    assert found == handed
    again = found.resolved()
    assert dict(again) == dict(options)
    assert describe(again) == describe(options)
    assert again.outputs("FILE") == options.outputs("FILE")
    assert again.outputs("ELASTICSEARCH") == options.outputs("ELASTICSEARCH")
    assert again.threat_lists == options.threat_lists
    renewed = again.outputs("ELASTICSEARCH")[0].secret_files["API_KEY"]
    Path(renewed).write_text("another\n")
    assert again.outputs("ELASTICSEARCH")[0].renewed().values["API_KEY"] == "another"


def test_what_is_inherited():
    """The child inherits the board, the channel, the turns and its sockets."""
    places = (Place(7, "::", 9995, 4096), Place(9, "::", 2055, 4096))
    resolved = ((), ())
    assert Handover("worker", Member(), 0, 2, 5, 6, 8, places, resolved).descriptors() == [5, 8, 6, 7, 9]
    assert Handover("refresher", Member(), 1, 2, 5, None, 8, (), resolved).descriptors() == [5, 8]
