"""The main of a child: `python -m flowcoll.collect.child DESCRIPTOR NAME`, started by the supervisor alone.

The descriptor is that of the handover; the name is for people who look at processes. What goes wrong at the start is
told to the supervisor, which tells it once for all children.
"""

import signal
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowcoll.collect.channel import Channel
    from flowcoll.collect.handover import Handover
    from flowcoll.logs import Log


def main(fd: int) -> int:
    """Do what was handed over until the supervisor wants it to end or is gone; give the exit code."""
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()  # before anything imports ssl: what speaks to servers must not hold up the receive loop
    for number in (signal.SIGINT, signal.SIGHUP):  # they are for the supervisor, who says what is to be done
        signal.signal(number, signal.SIG_IGN)
    from flowcoll import logs  # noqa: PLC0415
    from flowcoll.collect.channel import Channel, end_of  # noqa: PLC0415
    from flowcoll.collect.handover import Handover  # noqa: PLC0415
    from flowcoll.errors import FlowcollError  # noqa: PLC0415

    handover = Handover.read(fd)
    options = handover.resolved()
    extra = {"worker": handover.member.number} if handover.role == "worker" and handover.member.of > 1 else {}
    log = logs.Log(sys.stderr, encoding=options["EF_LOGGER_ENCODING"], level=options["EF_LOGGER_LEVEL"], extra=extra)
    channel = Channel(end_of(handover.channel_fd))
    try:
        _role(handover.role)(handover, channel, log)
    except FlowcollError as exc:
        channel.send({"failed": str(exc)})
        return exc.exit_code
    except Exception:  # noqa: BLE001  the supervisor starts another one
        channel.send({"failed": "an error the collector did not expect; please report it with the lines of the log"})
        lines = traceback.format_exc()
        log.error("an error the collector did not expect; please report it with these lines", traceback=lines)  # noqa: TRY400
        return 1
    finally:
        channel.close()
    return 0


def _role(name: str) -> "Callable[[Handover, Channel, Log], None]":
    """Import what one kind of child needs, and no more."""
    if name == "worker":
        from flowcoll.collect import carrying  # noqa: PLC0415

        return carrying.run
    from flowcoll.collect import refreshing  # noqa: PLC0415

    return refreshing.run


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
