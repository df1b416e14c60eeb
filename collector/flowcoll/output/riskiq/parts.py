"""Encoders and transports by name: what there is to choose from, made of the options of an output."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from gevent.socket import getaddrinfo

from flowcoll.logs import Log
from flowcoll.output.riskiq.encoder import Encoder, Fcfx
from flowcoll.output.riskiq.transport import Transport, Udp


def _fcfx(values: Mapping[str, Any], worker: int) -> Encoder:
    return Fcfx(UUID(values["CUSTOMER_UUID"]), b64decode(values["CUSTOMER_ENCRYPTION_KEY"]), worker)


def _udp(values: Mapping[str, Any], name: str, log: Log) -> Transport:
    return Udp(values["HOST"], values["PORT"], name, log, getaddrinfo)


ENCODERS: Mapping[str, Callable[[Mapping[str, Any], int], Encoder]] = {"fcfx": _fcfx}
"""Name -> what makes it, given the values of an output and the number of the worker."""

TRANSPORTS: Mapping[str, Callable[[Mapping[str, Any], str, Log], Transport]] = {"udp": _udp}
"""Name -> what makes it, given the values of an output and its name."""
