"""The stand-in for PassiveTotal of tests/fakes as a process of its own, on a free port of 127.0.0.1."""

import subprocess
import sys
from pathlib import Path
from typing import Self

from flowcoll.errors import SetupError

_SCRIPT = Path(__file__).parent.parent / "tests" / "fakes" / "passivetotal.py"
_LIST = "/v2/netflow/blocklist/download"
_USER, _KEY = "demo@example.org", "not-a-real-key"


class StandIn:
    """A running stand-in; it ends with the block."""

    def __init__(self) -> None:
        command = [sys.executable, str(_SCRIPT), "--user", _USER, "--key", _KEY]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def options(self) -> dict[str, str]:
        """The options that make a collector download its list of threats from here."""
        assert self._process.stdout
        address = self._process.stdout.readline().split(" ")[0]  # it is said when it listens
        if not address.startswith("http"):
            raise SetupError("the stand-in for PassiveTotal did not start")
        option = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
        return {
            option + "THREAT_ENABLE": "true",
            option + "THREAT_ENDPOINT": address + _LIST,
            option + "API_USER": _USER,
            option + "API_KEY": _KEY,
        }
