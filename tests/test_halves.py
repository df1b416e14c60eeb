"""PassiveTotal's list of threats and the output to PassiveTotal: one without the other is worth a word."""

import subprocess
import sys
from pathlib import Path

from flowcoll.config import defaults

LIST = {
    "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENABLE": True,
    "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_API_USER": "you@example.org",
    "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_API_KEY": "0123456789abcdef-not-a-key",
}
ACCOUNT = {
    "CUSTOMER_UUID": "527dd194-a116-11af-8380-034aba1ce438",
    "CUSTOMER_ENCRYPTION_KEY": "twBovkmV8YIxx0QyulybZg==",
}


def output(name: str = "") -> dict[str, object]:
    return {f"EF_{name}OUTPUT_RISKIQ_{option}": value for option, value in {"ENABLE": True, **ACCOUNT}.items()}


def notices(*given: dict[str, object]) -> list[str]:
    options = defaults(**{name: value for each in given for name, value in each.items()})
    return [notice for notice in options.notices if "full function" in notice]


def test_the_list_alone() -> None:
    """The options of the output are named."""
    (notice,) = notices(LIST)
    for name in ("EF_OUTPUT_RISKIQ_ENABLE", *(f"EF_OUTPUT_RISKIQ_{option}" for option in ACCOUNT)):
        assert name in notice
    assert "\n" not in notice


def test_the_output_alone() -> None:
    """The options of the list are named; whichever output it is."""
    for name in ("", "SITE_"):
        (notice,) = notices(output(name))
        assert notice.startswith(f"EF_{name}OUTPUT_RISKIQ_ENABLE is on")
        assert all(option in notice for option in LIST)


def test_both_or_none() -> None:
    """Nothing is said."""
    assert notices() == notices(LIST, output()) == notices(LIST, output("SITE_")) == []


def test_who_is_told(tmp_path: Path) -> None:
    """Who looks at the options, once, without a secret."""
    sets = [f"--set={name}={str(value).lower() if value is True else value}" for name, value in LIST.items()]
    (tmp_path / "empty.yml").write_text("{}\n")
    command = [sys.executable, "-m", "flowcoll", "config", "--changed", "--config", str(tmp_path / "empty.yml"), *sets]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr.count("for the full function of both") == 1
    assert "not-a-key" not in done.stdout + done.stderr
