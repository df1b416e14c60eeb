"""What a route is: a method, a path, and what answers."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from fakes.kibana.messages import Answer, Request

if TYPE_CHECKING:
    from fakes.kibana.server import Kibana

Page = Callable[..., Answer]  # Kibana, Request, what the groups of the path hold


class Route(NamedTuple):
    """A page of Kibana. Internal ones are closed in 9.x; who is a stranger sees only what is for anonymous."""

    method: str
    path: str
    page: Page
    anonymous: bool = False
    since: tuple[int, ...] = ()

    @property
    def internal(self) -> bool:
        return self.path.startswith("/internal/")

    def fits(self, method: str, path: str) -> tuple[str, ...] | None:
        """Give what the groups of the path hold, if this is the route."""
        found = re.fullmatch(self.path, path) if method == self.method else None
        return tuple(unquote(group) for group in found.groups()) if found else None


def writer(kibana: "Kibana", request: Request) -> bool:
    """Say whether who asks may change saved objects."""
    return kibana.may_write(request.user)
