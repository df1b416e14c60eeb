"""Steering: the kernel gives all datagrams of one source address to one of the sockets that share a port.

Left alone, the kernel hashes ports too, and an exporter that sends from several of them is split over the workers, none
of which then knows all its templates. A classic BPF program (bpf(4), SO_ATTACH_REUSEPORT_CBPF in socket(7)) hashes the
source address only. It returns the place of a socket, in the order in which the sockets were bound.
"""

import ctypes
import socket
from collections.abc import Sequence
from struct import Struct

from flowcoll.errors import SetupError

_SO_ATTACH_REUSEPORT_CBPF = 51  # not in the socket module; asm-generic/socket.h
_INSTRUCTION = Struct("=HBBI")  # struct sock_filter: code, jump if true, jump if false, operand
_PROGRAM = Struct("@HP")  # struct sock_fprog: how many instructions, where they are

# linux/bpf_common.h
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_LOAD_OCTET = 0x30  # BPF_LD | BPF_B | BPF_ABS
_TO_X = 0x07  # BPF_MISC | BPF_TAX
_XOR_X = 0xAC  # BPF_ALU | BPF_XOR | BPF_X
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_MULTIPLY = 0x24
_SHIFT_RIGHT = 0x74
_MODULO = 0x94
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_RETURN = 0x16  # BPF_RET | BPF_A

_NETWORK = 0xFFF0_0000  # SKF_NET_OFF: offsets from here on count from the IP header
_SOURCE4 = _NETWORK + 12  # RFC 791 section 3.1
_SOURCE6 = _NETWORK + 8  # RFC 8200 section 3
_SPREAD = 0x9E37_79B1  # 2^32 divided by the golden ratio: neighbours end far apart (Knuth, TAOCP 6.4)

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if the comparison is true, and if not, operand."""


def program(sockets: int) -> tuple[Instruction, ...]:
    """Give the program that chooses among so many sockets by the IPv4 or IPv6 source address of a datagram."""
    four = [_step(_LOAD_WORD, _SOURCE4)]
    six = [_step(_LOAD_WORD, _SOURCE6)]
    for octet in (4, 8, 12):  # multiplied, so that the order of the words counts
        six += [_step(_MULTIPLY, _SPREAD), _step(_TO_X), _step(_LOAD_WORD, _SOURCE6 + octet), _step(_XOR_X)]
    return (
        _step(_LOAD_OCTET, _NETWORK),
        _step(_AND, 0xF0),
        (_EQUAL, 0, len(four) + 1, 0x40),  # the version says it: IPv4 comes to a socket of both families, too
        *four,
        _step(_JUMP, len(six)),
        *six,
        _step(_MULTIPLY, _SPREAD),
        _step(_SHIFT_RIGHT, 16),
        _step(_MODULO, sockets),
        _step(_RETURN),
    )


def steer(sockets: Sequence[socket.socket]) -> None:
    """Steer what comes to a port by its source address; the sockets are all of its SO_REUSEPORT group, as they were bound.

    SetupError where the kernel takes no such program.
    """
    steps = program(len(sockets))
    text = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*step) for step in steps))
    try:
        sockets[0].setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, _PROGRAM.pack(len(steps), ctypes.addressof(text))
        )
    except OSError as exc:
        raise SetupError(
            f"the kernel does not steer datagrams by their source ({exc.strerror}); set EF_FLOW_SERVER_STEERING to off"
        ) from exc


def _step(code: int, operand: int = 0) -> Instruction:
    return code, 0, 0, operand
