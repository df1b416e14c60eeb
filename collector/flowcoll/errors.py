"""What can go wrong, as a tree.

FlowcollError            anything a person is told about in one line
├── ConfigError          an option, a file or a database that cannot be used as given
├── SetupError           a port that is taken, a server that refuses; trying again may help
├── ListError            a list of threats that cannot be had or used; the one before it goes on serving
├── KeptError            a file of what was kept over a restart that cannot be used; it is set aside
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


class ListError(FlowcollError):
    """A list of threats is refused; `reason` is one word for the counter."""

    def __init__(self, why: str, reason: str = "unusable") -> None:
        super().__init__(why)
        self.reason = reason


class KeptError(FlowcollError):
    """What was kept of an exporter is not what was written; the text says why."""


class DecodeError(FlowcollError):
    """A datagram is refused; `reason` completes the counter `datagrams.refused.<reason>`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
