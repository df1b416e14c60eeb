"""Outputs: where finished documents go, a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from flowcoll.config import Options, OutputOptions
from flowcoll.counters import Counts
from flowcoll.document.fields import Asked, Records, Wanted
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output.file import LineOutput, Wait
from flowcoll.output.target import Target, file_target, stdout_target
from flowcoll.output.turn import Turns

_ALONE = Member()
_SERVICE = "flow.riskiq.net"


class Output(Protocol):
    """Takes batches of finished documents; what it cannot hand over it counts and tells, it never raises."""

    @property
    def name(self) -> str:
        """What its counters are called: `documents.delivered.<name>`, `documents.dropped.<name>`."""

    @property
    def wanted(self) -> Asked:
        """Which documents it takes, or that it takes packed records."""

    @property
    def held(self) -> int:
        """Documents that are in its memory and nowhere else: lost, should the process die now."""

    def write(self, documents: Sequence[Any], /) -> None:
        """Take a batch: JSON objects as ASCII text without a newline, or packed records, as it wants."""

    def flush(self) -> None:
        """Hand over what is still held, as far as that is possible now."""

    def close(self) -> None:
        """Flush and give up what is open."""

    def state(self) -> Mapping[str, Any]:
        """Give what a person wants to know of it besides its counters, as JSON can hold it."""


def open_outputs(  # noqa: PLR0913, PLR0917
    options: Options, counts: Counts, log: Log, wait: Wait, member: Member = _ALONE, turn_fd: int | None = None
) -> list[Output]:
    """Open every output that is switched on; `wait` waits for a slow reader, workers take turns by what `turn_fd` shares."""
    targets = [
        file_target(_name("file", file.namespace), file.values["PATH"], _wanted("FILE", file))
        for file in options.outputs("FILE")
    ]
    targets += [
        stdout_target(_name("stdout", stdout.namespace), stdout.values["FORMAT"])
        for stdout in options.outputs("STDOUT")
    ]
    outputs: list[Output] = [*_lines(targets, counts, log, wait, _turns(member, turn_fd))]
    for each in options.outputs("ELASTICSEARCH"):
        if "flow" not in each.values["ALLOWED_RECORD_TYPES"]:
            log.warn(
                f"{each.option('ELASTICSEARCH')}_ALLOWED_RECORD_TYPES does not name flow: nothing is written there"
            )
            continue
        outputs.append(_elasticsearch(options, each, counts, log, member))
    outputs += [_riskiq(each, counts, log, member) for each in options.outputs("RISKIQ")]
    return outputs


def _lines(
    targets: Sequence[Target], counts: Counts, log: Log, wait: Wait, turns: Turns | None
) -> Iterator[LineOutput]:
    for place, target in enumerate(targets):
        yield LineOutput(target, counts, log, wait, turns.at(place) if turns else None)


def _turns(member: Member, fd: int | None) -> Turns | None:
    if fd is None:
        return None
    from gevent import sleep  # noqa: PLC0415  a replay has no other workers and need not import it

    return Turns(fd, sleep, alone=member.of == 1)


def _elasticsearch(options: Options, output: OutputOptions, counts: Counts, log: Log, member: Member) -> Output:
    # Elasticsearch's client is half a second of importing that other outputs need not pay
    from flowcoll.elastic import connect  # noqa: PLC0415
    from flowcoll.output.dead_letter import DeadLetters  # noqa: PLC0415
    from flowcoll.output.disk import Place  # noqa: PLC0415
    from flowcoll.output.elasticsearch import ElasticsearchOutput  # noqa: PLC0415
    from flowcoll.output.queue import MEMORY_OCTETS  # noqa: PLC0415
    from flowcoll.output.session import Means  # noqa: PLC0415
    from flowcoll.setup.elasticsearch import install  # noqa: PLC0415
    from flowcoll.streams import namespace_of  # noqa: PLC0415

    if options["EF_STATE_PATH"] is None:
        raise ConfigError("EF_STATE_PATH is empty; give a directory for documents that Elasticsearch rejects")
    name = _name("elasticsearch", output.namespace)
    spool = Place(options["EF_STATE_PATH"] / "spool" / name, member, output.values["SPOOL_MAX_BYTES"])
    if output.values["TLS_SKIP_VERIFICATION"] and (output.values["TLS_ENABLE"] or output.values["CLOUD_ID"]):
        log.warn(f"{output.option('ELASTICSEARCH')}_TLS_SKIP_VERIFICATION is on: whoever answers is believed")
    namespace = namespace_of(output.values, output.option("ELASTICSEARCH"))
    made = ElasticsearchOutput(
        output,
        _wanted("ELASTICSEARCH", output)._replace(namespace=namespace),
        DeadLetters(options["EF_STATE_PATH"] / "dead-letter", name, counts, log),
        Means(connect, install if output.values["INDEX_TEMPLATE_ENABLE"] else None),
        counts=counts,
        log=log,
        spool=spool if spool.limit or spool.folder.is_dir() else None,
        memory_octets=MEMORY_OCTETS // member.of,
    )
    made.start()
    return made


def _riskiq(output: OutputOptions, counts: Counts, log: Log, member: Member) -> Output:
    from flowcoll.output.riskiq.output import RiskIqOutput  # noqa: PLC0415  cryptography need not be there for others
    from flowcoll.output.riskiq.parts import ENCODERS, TRANSPORTS  # noqa: PLC0415

    name = _name("riskiq", output.namespace)
    if member.number == 0 and output.values["HOST"] == _SERVICE:
        log.warn(
            f"{output.option('RISKIQ')}_HOST is {_SERVICE}: what that service reads was never published, and nobody there is "
            "known to read what is sent; name a host where `flowcoll riskiq-receive` listens"
        )
    made = RiskIqOutput(
        name,
        Records(output.values["COMMUNITYID_ENABLE"]),
        ENCODERS["fcfx"](output.values, member.number),
        TRANSPORTS["udp"](output.values, name, log),
        counts=counts,
        log=log,
    )
    made.start()
    return made


def _name(kind: str, namespace: str) -> str:
    return f"{kind}.{namespace}" if namespace else kind


def _wanted(kind: str, output: OutputOptions) -> Wanted:
    drop = tuple(output.values["DROP_FIELDS"])
    return Wanted(drop, output.values["TIMESTAMP_SOURCE"], output.option(f"{kind}_DROP_FIELDS") if drop else "")
