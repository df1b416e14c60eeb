"""Kibana: what it holds, what may be switched, and what each request goes through before a page answers it."""

import re
import ssl
from typing import Self

from fakes.kibana import machine_learning, pages, rules, saved_objects
from fakes.kibana.cluster import LICENCES, Cluster
from fakes.kibana.faults import NOBODY, login, starting
from fakes.kibana.messages import BROKEN, Answer, Object, Request, error
from fakes.kibana.routes import Route
from fakes.kibana.serving import Account, Service
from fakes.kibana.store import Store
from fakes.kibana.versions import release

PUBLIC, INTERNAL = "2023-10-31", "1"
_HANDLED = {"GET", "HEAD", "OPTIONS"}  # need no token against forged requests


class Kibana(Service):
    """A Kibana of a version ("8.19"), and the Elasticsearch beside it (`cluster`); both serve while a `with` block lasts."""

    def __init__(
        self,
        version: str = "8.19",
        *,
        licence: str = "trial",
        base_path: str = "",
        security: bool = True,
        starting: int = 0,
        limit_octets: int = 26_214_400,
        limit_objects: int = 10_000,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if licence not in LICENCES:
            raise ValueError(f"{licence} is no licence; these are: {', '.join(LICENCES)}")
        self.release = release(version)
        super().__init__(host=host, port=port, tls=tls)
        self.cluster = Cluster(self.release.number, licence, tls=tls)
        self.base_path = base_path
        self.security = self.cluster.security = security
        self.starting = starting  # so many requests are still too early
        self.limit_octets, self.limit_objects = limit_octets, limit_objects
        self.level = "available"  # degraded unavailable critical
        self.uuid = "5b2de169-2785-441b-ae8c-186a1936b17d"
        self.with_spaces = True
        self.encryption_key = True  # without it no rule can be made
        self.without_rules: set[str] = set()  # names of who may not use Elastic Security
        self.store = Store(self.release)
        self.spaces: dict[str, Object] = {"default": dict(pages.DEFAULT)}
        self.rules: dict[str, dict[str, Object]] = {}  # by space and rule_id
        self.surprises: list[Exception] = []  # what tripped the stand-in itself: a body that it cannot read
        self.ml: dict[str, machine_learning.Known] = {}  # by job

    def __enter__(self) -> Self:
        self.cluster.__enter__()
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.cluster.__exit__(*exc)

    @property
    def url(self) -> str:
        return self.address + self.base_path

    @property
    def licence(self) -> str:
        return self.cluster.licence

    @licence.setter
    def licence(self, licence: str) -> None:
        self.cluster.licence = licence

    @property
    def routes(self) -> list[Route]:
        """The pages that this version has."""
        spaces = pages.SPACES if self.with_spaces else ()
        every = (
            *pages.ROUTES,
            *spaces,
            *pages.DATA_VIEWS,
            *rules.ROUTES,
            *machine_learning.ROUTES,
            *saved_objects.ROUTES,
        )
        return [route for route in every if self.release.version >= route.since]

    def may_write(self, user: str) -> bool:
        """Say whether somebody may change saved objects."""
        if not self.security:
            return True
        return any(user == account.name and account.may_write for account in (*self.accounts, *self.keys, *self.tokens))

    def may_use_rules(self, user: str) -> bool:
        """Say whether somebody may use Elastic Security."""
        return user not in self.without_rules

    def stop_writing_after(self, count: int | None) -> None:
        self.store.writes_left = count

    def error(self, status: int, message: str) -> Answer:
        return error(status, message)

    def place(self, path: str) -> tuple[str, str]:
        """Split off base path and space; nobody looks whether there is such a space."""
        if self.base_path and not path.startswith(f"{self.base_path}/"):
            return "", path
        path = path.removeprefix(self.base_path)
        found = re.match(r"/s/([^/]+)(/.*)", path) if self.with_spaces else None
        return (found[1], found[2]) if found else ("default", path)

    def answer(self, request: Request, account: Account | None) -> Answer:
        """Answer a request. Which of several things that are wrong with one is told first is believed."""
        if self.starting:
            self.starting -= 1
            return starting()
        if not request.space and request.path != "/login":
            return login(request.path)  # outside the base path is whatever the proxy has there; here, a page to log in
        method = "GET" if request.method == "HEAD" else request.method
        for route in self.routes:
            names = route.fits(method, request.path)
            if names is not None:
                return self._barred(route, request, account) or self._paged(route, request, names)
        if method == "POST" and request.path == "/api/saved_objects/_bulk_delete":  # 7.x takes it for a type's name
            return error(400, "[request body]: expected a plain object value, but found [Array] instead.")
        return error(404, "Not Found")

    def _barred(self, route: Route, request: Request, account: Account | None) -> Answer | None:
        """Give what keeps a request from its page."""
        if not route.anonymous:
            if account is None:
                return error(401, NOBODY)
            if account.role == "none":
                return error(403, "Forbidden")
        return self._forged(request) or self._versioned(route, request) or self._too_long(request)

    def _forged(self, request: Request) -> Answer | None:
        got, expected = request.headers.get("Kbn-Version"), self.release.number
        if got is not None and got != expected:
            said = "Browser client is out of date, please refresh the page"
            said += f' ("kbn-version" header was "{got}" but should be "{expected}")'
            return error(400, said, attributes={"expected": expected, "got": got})
        if request.method not in _HANDLED and got is None and "Kbn-Xsrf" not in request.headers:
            return error(400, "Request must contain a kbn-xsrf header.")
        return None

    def _versioned(self, route: Route, request: Request) -> Answer | None:
        """Internal pages want their version said, and in 9.x that Kibana itself asks. The words of the first are believed."""
        said = request.headers.get("Elastic-Api-Version")
        if not route.internal:
            if said not in {None, PUBLIC} and not self.release.old:
                place = f"[{request.method.lower()}] [{request.path}]"
                return error(400, f'No version "{said}" available for {place}. Available versions are: [{PUBLIC}]')
            return None
        if self.release.internal_closed and "X-Elastic-Internal-Origin" not in request.headers:
            place = f"uri [{request.path}] with method [{request.method.lower()}]"
            return error(400, f"{place} exists but is not available with the current configuration")
        if said != INTERNAL:
            return error(
                400, f"Please specify a version via elastic-api-version header. Available versions: [{INTERNAL}]"
            )
        return None

    def _too_long(self, request: Request) -> Answer | None:
        if len(request.body) > self.limit_octets:
            return error(413, f"Payload content length greater than maximum allowed: {self.limit_octets}")
        return None

    def _paged(self, route: Route, request: Request, names: tuple[str, ...]) -> Answer:
        try:
            return route.page(self, request, *names)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            self.surprises.append(exc)
            return error(500, BROKEN)
