"""What others know of the process that keeps lists."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import Options, defaults
from flowcoll.errors import ConfigError
from flowcoll.threat.keeping.refresher import needed
from making import PREFIX


def options(folder: Path | None, **said: Any) -> Options:
    account = {"RISKIQ_API_USER": "jane@example.org", "RISKIQ_API_KEY": "k"}
    return defaults(EF_STATE_PATH=folder, **{PREFIX + name: value for name, value in (account | said).items()})


@pytest.mark.parametrize(
    "said",
    [
        {"RISKIQ_THREAT_ENABLE": True},
        {"THREAT_MINE_ENABLE": True, "THREAT_MINE_PATH": Path("/mine.txt")},
        {"THREAT_MINE_ENABLE": True, "THREAT_MINE_URL": "https://x.example/list"},
    ],
)
def test_it_is_needed_for_any_list(tmp_path: Path, said: dict[str, Any]) -> None:
    """It is there when a list is enabled, downloaded or in a file, and there is a place for what it keeps."""
    assert needed(options(tmp_path, **said))
    with pytest.raises(ConfigError, match=r"^EF_STATE_PATH is empty; give a directory"):
        needed(options(None, **said))


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
def test_it_is_not_needed_without_one(folder: Path | None) -> None:
    """Without a list there is no such process, and no place is needed."""
    assert not needed(options(folder))


def test_the_supervisor_brings_no_client_of_servers() -> None:
    """Who only wants to know whether it is needed does not load what downloads."""
    code = "import sys, flowcoll.threat.keeping.refresher; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
