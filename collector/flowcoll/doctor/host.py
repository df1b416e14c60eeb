"""The machine: kernel limits, clock, memory, file descriptors, and as whom the collector runs."""

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flowcoll.config import Options
from flowcoll.doctor.findings import Check, Finding, fail, many, ok, skip, warn
from flowcoll.doctor.running import Running
from flowcoll.output.queue import MEMORY_OCTETS

WORKER_OCTETS = 60 << 20
"""A worker that has worked for a while; without its addresses and the queue."""

ADDRESS_OCTETS = 400
FEW_FILES = 1024

_BACKLOG = 1000  # the kernel's own default
_TIME_ERROR = 5  # adjtimex(2)
_MIB = 1 << 20


class Host(NamedTuple):
    """What the kernel says; None where it does not."""

    rmem_max: int | None
    backlog: int | None
    backlog_drops: int | None
    synchronised: bool | None
    memory: int | None
    files: int
    cores: int
    uid: int
    asked_buffer: int
    granted_buffer: int | None  # of the running collector
    workers: int
    addresses: int
    queues: bool
    used: int | None  # memory of the running collector


class _Timex(ctypes.Structure):
    """struct timex, as far as room goes; with modes 0 nothing is set (adjtimex(2))."""

    _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_byte * 508))


def probe(options: Options, running: Running, root: Path) -> Host:
    """Look at the machine; `root` holds /proc."""
    pid = running.pid
    buffers = [sock["receive_buffer_bytes"] for sock in running.report.get("sockets", ())]
    memory = [worker["memory_bytes"] for worker in running.report.get("workers", ())]
    cores = len(os.sched_getaffinity(0))
    return Host(
        rmem_max=_number(root / "proc/sys/net/core/rmem_max"),
        backlog=_number(root / "proc/sys/net/core/netdev_max_backlog"),
        backlog_drops=_backlog_drops(root),
        synchronised=_synchronised(),
        memory=_memory(root),
        files=_files(root, pid),
        cores=cores,
        uid=owner(root, pid),
        asked_buffer=options["EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE"],
        granted_buffer=min(buffers, default=None),
        workers=options["EF_PROCESSOR_POOL_SIZE"] or cores,
        addresses=options["EF_PROCESSOR_ENRICH_IPADDR_CACHE_SIZE"],
        queues=bool(options.outputs("ELASTICSEARCH")),
        used=sum(memory) if memory else None,
    )


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _backlog_drops(root: Path) -> int | None:
    """Add up the second column of softnet_stat: packets dropped because a processor's backlog was full."""
    lines = [line.split() for line in _text(root / "proc/net/softnet_stat").splitlines()]
    return sum(int(line[1], 16) for line in lines if len(line) > 1) if lines else None


def _synchronised() -> bool | None:
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    return None if state < 0 else state != _TIME_ERROR


def _memory(root: Path) -> int | None:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def _files(root: Path, pid: int) -> int:
    """Give how many files may be open: in the running collector, else here."""
    for line in _text(root / f"proc/{pid}/limits").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdecimal() else _MIB
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def owner(root: Path, pid: int) -> int:
    """Give the user of the running collector; -1: it does not run, or is not seen."""
    if pid:
        with suppress(OSError):
            return (root / f"proc/{pid}").stat().st_uid
    return -1


def _buffer(host: Host) -> Finding:
    asked, limit, granted = host.asked_buffer, host.rmem_max, host.granted_buffer
    advice = (
        f"echo net.core.rmem_max={asked} > /etc/sysctl.d/60-flowcoll.conf && sysctl --system, then restart flowcoll"
    )
    if granted is not None and granted < asked:
        return warn(f"{_size(granted)} are granted of the {_size(asked)} asked for", advice)
    if granted is not None:
        return ok(f"{_size(granted)} as asked for")
    if limit is None:
        return skip("net.core.rmem_max is not to be seen here")
    if limit < asked:
        return warn(
            f"net.core.rmem_max is {_size(limit)}, and {_size(asked)} are asked for: bursts will be lost", advice
        )
    return ok(f"{_size(asked)} are within net.core.rmem_max")


def _backlog(host: Host) -> Finding:
    if host.backlog is None:
        return skip("net.core.netdev_max_backlog is not to be seen here")
    dropped = host.backlog_drops or 0
    if dropped:
        return warn(
            f"{dropped:,} packets were dropped since boot before they reached a socket "
            f"(net.core.netdev_max_backlog = {host.backlog})",
            "if the number rises: sysctl -w net.core.netdev_max_backlog=4096",
        )
    return ok(f"{host.backlog} packets, none dropped since boot")


def _clock(host: Host) -> Finding:
    if host.synchronised is None:
        return skip("the kernel does not say whether it is synchronised")
    if not host.synchronised:
        return warn("not synchronised: times in documents may be wrong", "set up chrony, ntpd or systemd-timesyncd")
    return ok("synchronised")


def _open_files(host: Host) -> Finding:
    if host.files < FEW_FILES:
        return fail(f"{host.files} may be open", f"ulimit -n, or LimitNOFILE= of the unit: {FEW_FILES} or more")
    return ok(f"{host.files:,} may be open")


def _room(host: Host) -> Finding:
    """Compare what the collector may come to need with what there is."""
    if host.memory is None:
        return skip("the machine's memory is not to be seen here")
    each = WORKER_OCTETS + host.addresses * ADDRESS_OCTETS
    need = host.workers * each + host.queues * MEMORY_OCTETS
    told = f"{many(host.workers, 'worker')} may come to {_size(need)}, the machine has {_size(host.memory)}"
    if host.used is not None:
        told += f"; in use now: {_size(host.used)}"
    if need > host.memory * 3 // 4:
        return warn(told, "lower EF_PROCESSOR_POOL_SIZE or EF_PROCESSOR_ENRICH_IPADDR_CACHE_SIZE")
    return ok(told)


def _workers(host: Host) -> Finding:
    if host.workers > host.cores:
        return warn(
            f"{many(host.workers, 'worker')} share {many(host.cores, 'processor core')}",
            "set EF_PROCESSOR_POOL_SIZE to 0: one per core",
        )
    return ok(f"{host.workers} on {many(host.cores, 'processor core')}")


def _user(host: Host) -> Finding:
    if host.uid < 0:
        return skip("no collector runs, or its process is not seen")
    if host.uid == 0:
        return warn("runs as root, which it needs not", "start it by its unit, or name a user in EF_RUN_AS")
    return ok(f"runs as user id {host.uid}")


def _size(octets: int) -> str:
    return f"{octets / (1 << 30):.1f} GiB" if octets >= 1 << 30 else f"{octets / _MIB:,.1f} MiB".replace(".0 ", " ")


CHECKS = (
    Check("receive buffer", "net.core.rmem_max, or what the running collector got", _buffer),
    Check("packet backlog", "net.core.netdev_max_backlog, /proc/net/softnet_stat", _backlog),
    Check("clock", "adjtimex(2)", _clock),
    Check("open files", "RLIMIT_NOFILE", _open_files),
    Check("workers", "processor cores", _workers),
    Check("memory", "MemTotal, size of the cache of addresses", _room),
    Check("user", "owner of the running collector", _user),
)
