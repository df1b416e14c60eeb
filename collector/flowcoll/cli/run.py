"""`flowcoll run`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flowcoll.cli.parameters import configured


@click.command()
@configured
def run(config_path: Path | None, sets: Sequence[str]) -> int:
    """Collect until SIGTERM.

    Options are read from /etc/flowcoll/flowcoll.yml unless --config names another file. SIGHUP opens output files
    anew and reads helper files again.
    """
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()  # before anything imports ssl: what speaks to servers must not hold up the receive loop
    from flowcoll import config, logs  # noqa: PLC0415

    options = config.load(config_path, os.environ, sets)  # what is wrong is told before anything heavy is imported
    from flowcoll.collect import service  # noqa: PLC0415

    log = logs.Log(sys.stderr, encoding=options["EF_LOGGER_ENCODING"], level=options["EF_LOGGER_LEVEL"])
    return service.run(options, log)
