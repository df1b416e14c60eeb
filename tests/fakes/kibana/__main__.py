"""The stand-in as a command: `python -m fakes.kibana --version 9.1 --licence basic`, in the folder tests/."""

import argparse
import signal
import sys

from fakes.kibana import Kibana
from fakes.kibana.cluster import LICENCES
from fakes.kibana.faults import fault
from fakes.kibana.versions import SUPPORTED


def known(word: str) -> str:
    """Give the word of a fault; ValueError if there is none."""
    fault(word)
    return word


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="fakes.kibana", description="A stand-in for Kibana.")
    parser.add_argument("--port", type=int, default=0, help="TCP port; a free one if it is not given")
    parser.add_argument("--version", choices=SUPPORTED, default="8.19")
    parser.add_argument("--licence", choices=LICENCES, default="trial")
    parser.add_argument("--base-path", default="", help="for example /kibana")
    parser.add_argument("--space", action="append", default=[], help="a space that is there from the start")
    parser.add_argument("--starting", type=int, default=0, help="how many requests are too early")
    parser.add_argument("--no-security", action="store_true", help="everybody may do everything")
    parser.add_argument("--fault", type=known, default="", help="what goes wrong with every request; see faults.py")
    asked = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with Kibana(
        asked.version,
        licence=asked.licence,
        base_path=asked.base_path,
        security=not asked.no_security,
        starting=asked.starting,
        port=asked.port,
    ) as fake:
        fake.fault = asked.fault
        fake.spaces |= {name: {"id": name, "name": name, "disabledFeatures": []} for name in asked.space}
        who = fake.accounts[0]
        print(
            f"{fake.url} is a stand-in for Kibana {fake.release.number}, {fake.cluster.url} for the Elasticsearch beside it;"
            f" user {who.name}, password {who.secret}",
            flush=True,
        )
        while True:
            signal.pause()


if __name__ == "__main__":
    sys.exit(main())
