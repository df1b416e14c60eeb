"""ElastiFlow's own configuration in our place: the collector starts with it and works."""

import csv
from pathlib import Path

from flowcoll.options.docs import environment
from flowcoll.transfer.reading import read
from service import Service

DATA = Path(__file__).parent / "data"
OWN = {"EF_API_IP", "EF_API_PORT", "EF_FLOW_SERVER_UDP_IP", "EF_FLOW_SERVER_UDP_PORT"}
"""Addresses and ports belong to the test."""


def test_the_whole_drop_in_of_elastiflow_starts_the_collector(tmp_path: Path) -> None:
    """Every option of 6.x as its flowcoll.conf has it, some of them changed as sites do; none is an error."""
    with (DATA / "elastiflow-options.tsv").open(newline="") as file:
        theirs = {row["option"]: row["default"] for row in csv.DictReader(file, delimiter="\t")}
    theirs |= {
        "EF_LICENSE_ACCEPTED": "true",
        "EF_OUTPUT_STDOUT_FORMAT": "json",
        "EF_PROCESSOR_ENRICH_COMMUNITYID_SEED": "7",
        "EF_LOGGER_LEVEL": "debug",
    }
    drop_in = tmp_path / "flowcoll.conf"
    lines = (environment(name, value) for name, value in theirs.items() if name not in OWN)
    drop_in.write_text("[Service]\n" + "\n".join(lines))
    options = {given.name: given.text for given in read(drop_in, {}).given}
    assert len(options) == len(theirs) - len(OWN)
    options |= {"EF_PROCESSOR_POOL_SIZE": "1", "EF_STATE_PATH": str(tmp_path / "state")}
    with Service(tmp_path, **options) as service:
        assert service.ready()["ready"]
    (set_,) = [line for line in service.lines("info") if line["msg"] == "options set"]
    assert set_["EF_PROCESSOR_ENRICH_COMMUNITYID_SEED"] == "7"
    assert service.lines("error") == []
