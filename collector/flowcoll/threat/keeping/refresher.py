"""What others need to know of the process that keeps lists: whether it is needed, how its lists are, how to ask it."""

from flowcoll.config import Options
from flowcoll.threat.keeping.desk import folder_of, request, running, states
from flowcoll.threat.keeping.jobs import jobs_of

__all__ = ["needed", "request", "running", "states"]


def needed(options: Options) -> bool:
    """Tell whether there is any list; ConfigError when it could not be kept."""
    return bool(jobs_of(options)) and bool(folder_of(options))
