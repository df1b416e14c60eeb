"""What can go wrong, as a tree.

FlowcollError            anything a person is told about in one line
├── ConfigError          an option, a file or a database that cannot be used as given
├── SetupError           a port that is taken, a server that refuses; trying again may help
└── DecodeError          a datagram that is refused; `reason` names the counter
"""


class FlowcollError(Exception):
    """One line for a person: what, which value, what to do."""

    exit_code = 1


class ConfigError(FlowcollError):
    """The configuration cannot work; exit code 78 (EX_CONFIG) tells systemd not to try again."""

    exit_code = 78


class SetupError(FlowcollError):
    """Something outside refused; it may pass."""


class DecodeError(FlowcollError):
    """A datagram is refused; `reason` completes the counter `datagrams.refused.<reason>`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
