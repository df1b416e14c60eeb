"""Options of the RiskIQ output: what stops the start, each with one line, and how the same is said elsewhere."""

from pathlib import Path

import pytest

from flowcoll.config import describe
from flowcoll.options.customer import key, uuid
from flowcoll.options.table import OPTIONS
from slow_fcfx import CUSTOMER, KEY
from test_config import Site
from test_transfer_report import judged

OUTPUT = "EF_OUTPUT_RISKIQ_"
SAID = {
    OUTPUT + "ENABLE": "true",
    OUTPUT + "CUSTOMER_UUID": CUSTOMER,
    OUTPUT + "CUSTOMER_ENCRYPTION_KEY": KEY,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_the_service_has_you_paste(site: Site) -> None:
    """The settings as PassiveTotal shows them are enough; the key is not shown."""
    options = site.load(**SAID, **{OUTPUT + "HOST": "flow.riskiq.net", OUTPUT + "PORT": "20000"})
    (output,) = options.outputs("RISKIQ")
    assert (output.values["HOST"], output.values["PORT"], output.values["COMMUNITYID_ENABLE"]) == (
        *("flow.riskiq.net", 20_000),
        True,
    )
    assert KEY not in str(describe(options)) + repr(output) + repr(options)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CUSTOMER_UUID", "", f"needs {OUTPUT}CUSTOMER_UUID to be set"),
        ("CUSTOMER_ENCRYPTION_KEY", "", f"needs {OUTPUT}CUSTOMER_ENCRYPTION_KEY to be set"),
        ("CUSTOMER_UUID", "me", "must be a UUID, such as"),
        ("CUSTOMER_UUID", CUSTOMER[:-1], "must be a UUID, such as"),
        ("CUSTOMER_UUID", CUSTOMER.replace("-", ""), "must be a UUID, such as"),
        ("CUSTOMER_UUID", f"{{{CUSTOMER}}}", "must be a UUID, such as"),
        ("CUSTOMER_ENCRYPTION_KEY", KEY[:-2], "must be base64 of exactly 16 octets"),
        ("CUSTOMER_ENCRYPTION_KEY", KEY + " ", "must be base64 of exactly 16 octets"),
        ("CUSTOMER_ENCRYPTION_KEY", KEY[:20] + "gk==", "must be base64 of exactly 16 octets"),
        ("CUSTOMER_ENCRYPTION_KEY", "A" * 20, "must be base64 of exactly 16 octets"),
        ("CUSTOMER_ENCRYPTION_KEY", "A" * 44, "must be base64 of exactly 16 octets"),
        ("CUSTOMER_ENCRYPTION_KEY", "\u00fc" * 24, "must be base64 of exactly 16 octets"),
    ],
)
def test_what_stops_the_start(site: Site, name: str, value: str, words: str) -> None:
    """Each fault is one line: which option, what to do; never the key."""
    (problem,) = site.refused(**{**SAID, OUTPUT + name: value})
    assert words in problem
    assert OUTPUT + name in problem
    assert KEY[:20] not in problem


def test_both_are_missing(site: Site) -> None:
    """What is missing is told in one line, for a named output with its own names."""
    (problem,) = site.refused(EF_DC2_OUTPUT_RISKIQ_ENABLE="true")
    start = "EF_DC2_OUTPUT_RISKIQ_CUSTOMER_"
    assert f"needs {start}UUID and {start}ENCRYPTION_KEY to be set" in problem


@pytest.mark.parametrize(("content", "starts"), [(KEY + "\n", True), (KEY, True), (KEY + "\n\n", False), ("", False)])
def test_the_key_comes_from_a_file(site: Site, content: str, starts: bool) -> None:
    """The file holds the key as it was given; its name is told when that is wrong, not what is in it."""
    file = site.put("riskiq.key", content)
    said = {name: value for name, value in SAID.items() if not name.endswith("KEY")}
    said[OUTPUT + "CUSTOMER_ENCRYPTION_KEY_FILE"] = str(file)
    if starts:
        (output,) = site.load(**said).outputs("RISKIQ")
        assert output.values["CUSTOMER_ENCRYPTION_KEY"] == KEY
    else:
        (problem,) = site.refused(**said)
        assert "CUSTOMER_ENCRYPTION_KEY" in problem
        assert KEY not in problem


def test_nothing_is_asked_of_an_output_that_is_off(site: Site) -> None:
    """What is wrong about an output that is off is a notice."""
    (notice,) = site.load(**{OUTPUT + "CUSTOMER_UUID": "me"}).notices
    assert f"not used while {OUTPUT}ENABLE is off" in notice


def test_older_names(site: Site) -> None:
    """The names of the service's pop-up, which are those of version 5, still count."""
    older = {name.replace("EF_", "EF_FLOW_", 1): value for name, value in SAID.items()}
    (output,) = site.load(**older).outputs("RISKIQ")
    assert output.values["CUSTOMER_UUID"] == CUSTOMER


def test_all_of_it_is_carried_out() -> None:
    """No option of the output is left for later."""
    assert {option.standing.value for name, option in OPTIONS.items() if name.startswith(OUTPUT)} == {"supported"}


@pytest.mark.parametrize("form", ["{}: '{}'", 'Environment="{}={}"'], ids=["yaml", "drop-in"])
def test_moving_from_elastiflow(tmp_path: Path, form: str) -> None:
    """`flowcoll config --from` has nothing against a configuration with this output, and shows no key."""
    lines = [form.format(name, value) for name, value in SAID.items()]
    text = "\n".join(lines if form.startswith("{") else ["[Service]", *lines]) + "\n"
    found = judged(tmp_path, text)
    assert found.problems == ()
    assert {row.here for row in found.rows} == {"supported"}
    assert KEY not in str(found.as_dict())


def test_types_show_what_they_read() -> None:
    """A UUID is shown in lower case, a key as it is."""
    assert uuid.read(CUSTOMER.upper()) == CUSTOMER
    assert key.read(KEY) == KEY
    assert (uuid.read(""), key.read("")) == ("", "")
