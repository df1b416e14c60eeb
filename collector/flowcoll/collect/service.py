"""The running service, put together: sockets, pipeline, outputs and API round one worker."""

import gc
import signal
import traceback
import warnings
from functools import partial
from types import TracebackType

import gevent
from gevent import select

from flowcoll import __version__
from flowcoll.collect import api, sockets
from flowcoll.collect.keeping import Keeper
from flowcoll.collect.worker import Worker
from flowcoll.config import Options, describe
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING
from flowcoll.logs import Log
from flowcoll.output import Output, open_outputs
from flowcoll.pipeline import Pipeline
from flowcoll.threat.feeds import keep_fresh


def run(options: Options, log: Log) -> int:
    """Collect until SIGTERM or SIGINT, hand over what was received, and return the exit code."""
    for notice in options.notices:
        log.warn(notice)
    log.info("options set", **{row.name: row.value for row in describe(options) if row.source != "default"})
    counts = Counts()
    warnings.showwarning = partial(_warned, log)
    listeners = sockets.listen(
        options["EF_FLOW_SERVER_UDP_IP"],
        options["EF_FLOW_SERVER_UDP_PORT"],
        options["EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE"],
        log,
    )
    outputs: list[Output] = []
    refreshing: list[gevent.Greenlet] = []
    try:  # the kernel already keeps what comes while databases and lists are loaded
        outputs += open_outputs(options, counts, log, _wait_writable)
        if not outputs:
            log.warn(
                "documents go nowhere: switch on EF_OUTPUT_ELASTICSEARCH_ENABLE, EF_OUTPUT_FILE_ENABLE or EF_OUTPUT_STDOUT_ENABLE"
            )
        exporters = sockets.Exporters(options["EF_FLOW_SERVER_ALLOW"], lambda ip: _not_allowed(log, ip))
        wanted = dict.fromkeys(output.wanted for output in outputs) or (EVERYTHING,)
        pipeline = Pipeline(options, counts, log, wanted)
        worker = Worker(listeners, exporters, pipeline, outputs, counts, log)
        refreshing += keep_fresh(options, pipeline.lists, counts, log)
        state = options["EF_STATE_PATH"]
        keeper = Keeper(state and state / "templates", pipeline.memory, counts, log)
        try:
            _carry(options, worker, counts, log)
        finally:
            keeper.stop()
    finally:
        gevent.killall(refreshing)
        gevent.joinall([gevent.spawn(output.close) for output in outputs])  # some may wait for a server
        sockets.close(listeners)
    log.info("stopped", **{key: counts[key] for key in sorted(counts)})
    return 0


def _carry(options: Options, worker: Worker, counts: Counts, log: Log) -> None:
    """Serve the API and run the worker until a signal ends it."""
    ip, port = options["EF_API_IP"], options["EF_API_PORT"]
    gevent.get_hub().print_exception = _ExceptionLog(log)
    server = api.serve(ip, port, api.application(worker, counts, options["EF_INSTANCE_NAME"]), log)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, _end, worker, log)
        gevent.signal_handler(signal.SIGHUP, worker.reopen)
        log.info(
            "listening",
            version=__version__,
            instance=options["EF_INSTANCE_NAME"],
            udp=[f"{listener.ip} port {listener.port}" for listener in worker.listeners],
            receive_buffer_bytes=min(listener.buffer_bytes for listener in worker.listeners),
            api=f"{ip} port {port}",
            outputs=[output.name for output in worker.outputs],
        )
        # What the start made stays; the collector need not walk it. A record leaves nothing to collect: with known
        # addresses no collection runs at all; with two new ones in every flow they take 0.7 us a flow, 0.9 without
        # freezing. Higher thresholds made the pauses longer (33 ms against 15) and saved nothing, so they stay.
        gc.collect()
        gc.freeze()
        worker.run()
    finally:
        server.stop(timeout=1)


def _end(worker: Worker, log: Log) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # the second signal ends at once, whatever hangs
    log.info("stopping: what the sockets still hold is read and handed over")
    worker.stop()


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
