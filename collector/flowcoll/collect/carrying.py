"""What a worker process runs: pipeline, outputs and what is kept, round one receive loop."""

import gc
import signal
import time
import traceback
import warnings
from functools import partial
from types import TracebackType

import gevent
from gevent import select
from gevent.event import Event

from flowcoll.collect import sockets
from flowcoll.collect.board import Board
from flowcoll.collect.channel import Channel, Message
from flowcoll.collect.handover import Handover
from flowcoll.collect.keeping import Keeper
from flowcoll.collect.telling import Teller
from flowcoll.collect.worker import Worker
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING
from flowcoll.logs import Log
from flowcoll.output import Output, open_outputs
from flowcoll.pipeline import Pipeline
from flowcoll.threat.giveway import GiveWay
from flowcoll.threat.matching.following import follow
from flowcoll.threat.matching.ruling import STATE, Ruling, rule

_HITS_S = 2.0
_HITS = 4096  # in a message


def run(handover: Handover, channel: Channel, log: Log) -> None:
    """Carry datagrams until the supervisor says that it is enough, and hand over what was received."""
    options, counts = handover.resolved(), Counts()
    gevent.get_hub().print_exception = _ExceptionLog(log)
    warnings.showwarning = partial(_warned, log)
    listeners = [sockets.inherited(*place) for place in handover.places]
    slot = Board(handover.board_fd, handover.slots).slots[handover.slot]
    outputs: list[Output] = []
    following: list[gevent.Greenlet] = []
    telling = Teller(slot, counts, outputs)
    try:  # the kernel already keeps what comes while databases and lists are loaded
        outputs += open_outputs(options, counts, log, _wait_writable, handover.member, handover.turn_fd)
        exporters = sockets.Exporters(options["EF_FLOW_SERVER_ALLOW"], lambda ip: _not_allowed(log, ip))
        wanted = dict.fromkeys(output.wanted for output in outputs) or (EVERYTHING,)
        pipeline = Pipeline(options, counts, log, wanted)
        worker = Worker(listeners, exporters, pipeline, outputs, counts, log, telling)
        tell = handover.member.number == 0
        ruling = rule(options, pipeline.lists, log, tell=tell, strict=not handover.again)
        if ruling is not None:
            pipeline.watch(STATE, ruling.state)
            following.append(ruling.follow())
        following += follow(options, pipeline.lists, counts, log, pipeline.users)
        state = options["EF_STATE_PATH"]
        shared = handover.member.of > 1 and options["EF_FLOW_SERVER_STEERING"] != "source"
        folder = state and state / "templates"
        keeper = Keeper(folder, pipeline.memory, counts, log, handover.member, shared=shared)
        telling.look(worker.report(), pipeline.gauges())
        try:
            _carry(worker, pipeline, channel, ruling, tell=tell)
        finally:
            keeper.stop()
    finally:
        gevent.killall(following)
        gevent.joinall([gevent.spawn(output.close) for output in outputs])  # some may wait for a server
        sockets.close(listeners)
        telling.tell()


def _carry(worker: Worker, pipeline: Pipeline, channel: Channel, ruling: Ruling | None, *, tell: bool) -> None:
    """Run the worker, and do what the supervisor says, until that is to stop."""
    gevent.signal_handler(signal.SIGTERM, worker.stop)
    listening = gevent.spawn(_obey, worker, pipeline, channel, ruling, tell=tell)
    ending = Event()
    telling = gevent.spawn(_tell_hits, pipeline, channel, ending)
    try:
        # What the start made stays; the collector need not walk it. A record leaves nothing to collect: with known
        # addresses no collection runs at all; with two new ones in every flow they take 0.7 us a flow, 0.9 without
        # freezing. Higher thresholds made the pauses longer (33 ms against 15) and saved nothing, so they stay.
        gc.collect()
        gc.freeze()
        channel.send({"ready": True})
        worker.run()
    finally:
        listening.kill()
        ending.set()
        telling.join()


def _obey(worker: Worker, pipeline: Pipeline, channel: Channel, ruling: Ruling | None, *, tell: bool) -> None:
    """Answer and do what the supervisor asks; when it is gone, stop as it would have wanted.

    tell: whether this worker is the one that says what all of them do.
    """

    def exporters(question: Message) -> None:
        channel.answer(question, pipeline.exporters(int(time.time() * 1000), GiveWay()))

    try:
        for message in channel.messages():
            match message:
                case {"do": "stop"}:
                    worker.stop()
                case {"do": "reload"}:
                    worker.reopen()
                    gevent.spawn(pipeline.reload, GiveWay(), tell=tell)
                    if ruling is not None:
                        gevent.spawn(ruling.look, GiveWay(), all_files=True)
                case {"ask": "exporters"}:
                    gevent.spawn(exporters, message)
    finally:
        worker.stop()


def _tell_hits(pipeline: Pipeline, channel: Channel, ending: Event) -> None:
    """Tell the supervisor what matched, every few seconds and at the end."""
    while True:
        ended = ending.wait(_HITS_S)
        rows = pipeline.gathered.take(GiveWay())
        for start in range(0, len(rows), _HITS):
            channel.send({"hits": rows[start : start + _HITS]})
        if ended:
            return


def _not_allowed(log: Log, ip: str) -> None:
    log.limited("not_allowed", 60).warn(
        "datagrams are refused: EF_FLOW_SERVER_ALLOW does not name their source", source=ip
    )


def _warned(log: Log, message: Warning | str, *_: object) -> None:
    log.limited(f"warning.{message}", 3600).warn(f"a library warns: {message}")


def _wait_writable(fd: int, timeout_s: float) -> bool:
    return bool(select.select([], [fd], [], timeout_s)[1])


class _ExceptionLog:
    """Takes the place of gevent's printer for errors that end a greenlet."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __call__(
        self, _context: object, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        lines = "".join(traceback.format_exception(kind, error, trace))
        self._log.error("an error the collector did not expect; please report it with these lines", traceback=lines)
