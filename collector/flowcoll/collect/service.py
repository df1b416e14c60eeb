"""The running service, put together: sockets, the children that read them, and the API round a supervisor."""

import os
import signal
import time

import gevent

from flowcoll import __version__
from flowcoll.collect import api, privileges, sockets
from flowcoll.collect.board import Board
from flowcoll.collect.child_process import ChildProcess
from flowcoll.collect.handover import Handover, Place
from flowcoll.collect.matched import Answer, Matched
from flowcoll.collect.notify import Notifier
from flowcoll.collect.sockets import Listener
from flowcoll.collect.steering import steer
from flowcoll.collect.supervisor import Supervisor, own_end
from flowcoll.collect.unnamed import unnamed
from flowcoll.config import Options, describe
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.threat.giveway import GiveWay
from flowcoll.threat.hits import hit_file
from flowcoll.threat.hits.blocklist import Allowed
from flowcoll.threat.keeping import refresher
from flowcoll.threat.matching.rules import Rules

_SAVE_S = 60


def run(options: Options, log: Log) -> int:
    """Collect until SIGTERM or SIGINT, hand over what was received, and return the exit code."""
    for notice in options.notices:
        log.warn(notice)
    log.info("options set", **{row.name: row.value for row in describe(options) if row.source != "default"})
    workers = options["EF_PROCESSOR_POOL_SIZE"] or len(os.sched_getaffinity(0))
    groups = sockets.listen_together(
        options["EF_FLOW_SERVER_UDP_IP"],
        options["EF_FLOW_SERVER_UDP_PORT"],
        options["EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE"],
        log,
        workers,
    )
    listeners = [listener for group in groups for listener in group]
    board = Board.make(workers + 1)
    turn_fd = unnamed("flowcoll-turn")  # a single worker has it too: its successor sees where it was killed
    try:
        if workers > 1 and options["EF_FLOW_SERVER_STEERING"] == "source":
            for group in groups:
                steer([listener.socket for listener in group])
        supervisor = Supervisor(listeners, log)
        _place(supervisor, options, groups, board, turn_fd)
        _serve(options, supervisor, log)
    finally:
        sockets.close(listeners)
    counts = supervisor.counts()
    log.info("stopped", **{key: counts[key] for key in sorted(counts)}, kernel_drops=supervisor.kernel_drops())
    return 0


def _place(supervisor: Supervisor, options: Options, groups: list[list[Listener]], board: Board, turn_fd: int) -> None:
    """Give the supervisor its children; what each is handed is made anew for every process."""
    resolved = options.resolved()
    workers = len(groups[0])
    for number in range(workers):

        def hand(channel_fd: int, number: int = number) -> Handover:
            places = tuple(Place.of(group[number]) for group in groups)
            member = Member(number, workers)
            again = supervisor.workers[number].was_ready
            parts = member, number, workers + 1, board.fd, turn_fd, channel_fd, places, resolved
            return Handover("worker", *parts, again=again)

        name = f"worker-{number}"
        supervisor.workers.append(ChildProcess(name, board.slots[number], hand, supervisor.ended, supervisor.heard))
    if refresher.needed(options):

        def hand_refresher(channel_fd: int) -> Handover:
            place, again = (workers, workers + 1, board.fd, None, channel_fd, (), resolved), child.was_ready
            return Handover("refresher", Member(), *place, again=again)

        child = ChildProcess("refresher", board.slots[workers], hand_refresher, supervisor.ended)
        supervisor.refresher = child


def _serve(options: Options, supervisor: Supervisor, log: Log) -> None:
    """Serve the API and run the children until a signal ends it."""
    state = options["EF_STATE_PATH"]
    matched = Matched(state and hit_file.path_in(state), _Rules(options).allowed, supervisor.noted, log)
    supervisor.matched = matched
    server = api.start(options, supervisor, log)
    try:
        privileges.drop(options["EF_RUN_AS"], log)
        matched.load()
        notifier = Notifier(os.environ)
        ends = _Ends(supervisor, notifier, log)
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, ends.end, number)
        gevent.signal_handler(signal.SIGHUP, _reload, supervisor, notifier)
        talking = [
            gevent.spawn(_tell, options, supervisor, notifier, log),
            gevent.spawn(_show_life, supervisor, notifier),
            gevent.spawn(_remember, supervisor, matched, log),
        ]
        try:
            supervisor.run()
        finally:
            gevent.killall(talking)
            matched.save()
            notifier.close()
    finally:
        server.stop(timeout=1)


def _reload(supervisor: Supervisor, notifier: Notifier) -> None:
    notifier.reloading()
    supervisor.reload()
    notifier.ready(_status(supervisor))


def _status(supervisor: Supervisor) -> str:
    return f"{len(supervisor.workers)} workers read"


class _Rules:
    """What rules let match, asked for when somebody wants to know."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._rules: Rules | None = None

    def allowed(self) -> Allowed:
        """Give what tells it for now."""
        if self._rules is None:
            self._rules = Rules.load(self._options, time.time())
        self._rules.look(time.time(), all_files=True)
        return self._rules.allowed


def _remember(supervisor: Supervisor, matched: Matched, log: Log) -> None:
    """Keep what matched, and say why it did or did not."""
    answer = Answer(log)
    while True:
        for _ in range(_SAVE_S):
            gevent.sleep(1)
            if supervisor.ready():
                answer.look(supervisor.threats())
        matched.save(GiveWay())


def _show_life(supervisor: Supervisor, notifier: Notifier) -> None:
    """Give systemd's watchdog its sign of life for as long as every worker's loop turns."""
    while notifier.watchdog_s:
        if supervisor.ready() and supervisor.alive():
            notifier.alive()
        gevent.sleep(notifier.watchdog_s / 3)


def _tell(options: Options, supervisor: Supervisor, notifier: Notifier, log: Log) -> None:
    """Say what is being done, once it is."""
    while not supervisor.ready():
        gevent.sleep(0.02)
    report = supervisor.report()
    if not report["outputs"]:
        log.warn(
            "documents go nowhere: switch on EF_OUTPUT_ELASTICSEARCH_ENABLE, EF_OUTPUT_FILE_ENABLE or EF_OUTPUT_STDOUT_ENABLE"
        )
    log.info(
        "listening",
        version=__version__,
        instance=options["EF_INSTANCE_NAME"],
        udp=[f"{sock['address']} port {sock['port']}" for sock in report["sockets"]],
        receive_buffer_bytes=min(sock["receive_buffer_bytes"] for sock in report["sockets"]),
        workers=len(supervisor.workers),
        api=f"{options['EF_API_IP']} port {options['EF_API_PORT']}",
        outputs=[output["name"] for output in report["outputs"]],
    )
    notifier.ready(_status(supervisor))


class _Ends:
    """What signals to end do: the first lets everybody finish, the second ends at once, whatever hangs."""

    def __init__(self, supervisor: Supervisor, notifier: Notifier, log: Log) -> None:
        self._supervisor = supervisor
        self._notifier = notifier
        self._log = log
        self._first = True

    def end(self, number: int) -> None:
        """Take a signal."""
        if self._first:
            self._first = False
            self._log.info("stopping: what the sockets still hold is read and handed over")
            self._notifier.stopping()
            self._supervisor.stop()
        else:
            self._supervisor.kill()
            own_end(number)
