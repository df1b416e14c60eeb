"""The command line: parse, call, print; standard output is data, standard error is talk.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration. Each command imports what it needs.
"""

import os
import sys
from collections.abc import Sequence

import click

from flowcoll import __version__
from flowcoll.cli import captures, config, doctor, exporters, riskiq, run, setup, threats
from flowcoll.cli.parameters import say
from flowcoll.errors import FlowcollError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def commands() -> None:
    """NetFlow, IPFIX and sFlow in, enriched ECS documents out.

    Options are named EF_... and come from a YAML file, the environment and --set; the later one wins. `flowcoll config`
    shows them all.
    """


for command in (
    run.run,
    exporters.exporters,
    exporters.top,
    captures.replay,
    captures.explain,
    config.show_config,
    doctor.doctor,
    threats.threats,
    setup.setup_elasticsearch,
    riskiq.riskiq_receive,
):
    commands.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = commands.main(argv, prog_name="flowcoll", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except click.Abort:
        return 1
    except FlowcollError as exc:
        say(str(exc))
        return exc.exit_code
    except (BrokenPipeError, SystemExit):  # click turns the first into the second
        # whoever read standard output has seen enough; nothing may be flushed to it at the end of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0
