"""One node: its folder, its process, clients of it."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from elastic_node.certificates import Authority, Identity
from elastic_node.distribution import account, check_reachable, server, tool
from flowcoll.errors import SetupError

_HOST = "127.0.0.1"
_START_S = 120
_STOP_S = 30
_LOOK_S = 0.1
_BRIEF = ("-Xms512m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_LASTING = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")


class Node:
    """A node with a port and a folder of its own; it may be started and stopped many times and is removed at the end.

    authority   HTTP over TLS with a certificate of this authority for 127.0.0.1; plain HTTP without it
    settings    more node settings, dotted names as in elasticsearch.yml; may be changed before the next start
    lasting     compile and collect as a server should that runs for long; else it starts on half as much CPU
    start_s     how long a start may take
    """

    user = "elastic"
    password = "flowcoll-tests"  # of the superuser

    def __init__(
        self,
        *,
        authority: Authority | None = None,
        settings: Mapping[str, Any] | None = None,
        lasting: bool = False,
        start_s: float = _START_S,
    ) -> None:
        self.port, self._transport_port = _free_port(), _free_port()
        self.address = f"{_HOST}:{self.port}"
        self.url = f"{'https' if authority else 'http'}://{self.address}"
        self.settings = dict(settings or {})
        self._start_s = start_s
        self._authority = authority
        self._java_options = _LASTING if lasting else _BRIEF
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Elasticsearch] = []

    def __enter__(self) -> Self:
        self._home = server()
        self._folder = Path(tempfile.mkdtemp(prefix="flowcoll-node-"))
        self._config = self._folder / "config"
        self._log = self._folder / "console.log"
        try:
            check_reachable(self._folder.parent, "name another folder in TMPDIR")
            self._furnish()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.kill()  # nobody will read its data any more
        shutil.rmtree(self._folder)

    @property
    def pid(self) -> int:
        """Process id of the launcher; the server is its child."""
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Run the node, and return when it answers, has its licence and has found all of its data again."""
        self._configure()
        with self._log.open("ab") as log:
            self._process = self._java("server", stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + self._start_s
        while not self._answers():
            if not self.running or time.monotonic() > end:
                self.kill()
                raise SetupError(f"Elasticsearch did not start; the end of its log:\n{self.log()[-4000:]}")
            time.sleep(_LOOK_S)
        return self

    def stop(self) -> None:
        """End it cleanly, as its service would."""
        if self._process and self.running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired as exc:
                raise SetupError(f"Elasticsearch did not stop within {_STOP_S} s") from exc
            finally:
                self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, and return when its port is free again."""
        if self._process is None:
            return
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)  # launcher and server
        self._process.wait()
        self._process = None
        end = time.monotonic() + _STOP_S
        while not _is_free(self.port):
            if time.monotonic() > end:
                raise SetupError(f"port {self.port} is still taken {_STOP_S} s after Elasticsearch ended")
            time.sleep(_LOOK_S)

    @cached_property
    def es(self) -> Elasticsearch:
        """A client of the superuser, open as long as the node exists."""
        client = self.client(basic_auth=(self.user, self.password), **self._as_client())
        self._clients.append(client)
        return client

    def client(self, **settings: Any) -> Elasticsearch:
        """Make a client with settings of elasticsearch-py such as `api_key`; the caller closes it (`with`)."""
        return Elasticsearch(
            self.url, **{"request_timeout": 60, "retry_on_timeout": False, "max_retries": 0, **settings}
        )

    def log(self) -> str:
        """What the node has written to its console since it was made."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _as_client(self) -> dict[str, Any]:
        if self._authority is None:
            return {}
        own = self._issued("test-client")
        return {"ca_certs": self._authority.certificate, "client_cert": own.certificate, "client_key": own.key}

    def _issued(self, name: str, *hosts: str) -> Identity:
        assert self._authority
        return self._authority.issue(name, *hosts)

    def _answers(self) -> bool:
        if _is_free(self.port):  # nobody listens yet; a client would log each try
            return False
        try:
            # Writing makes the index of security, where it is not there yet: while it comes up, nobody is let in.
            self.es.security.put_role(name="nothing")
            health = self.es.cluster.health(wait_for_status="yellow", timeout="1s")
            return not health["timed_out"] and self.es.license.get()["license"]["status"] == "active"
        except (ApiError, TransportError):
            return False

    def _furnish(self) -> None:
        """Make the node's folders, its keystore with the superuser's password, its certificate."""
        for name in ("config", "data", "logs", "tmp", "repository"):
            (self._folder / name).mkdir()
        for file in (self._home / "config").iterdir():
            if file.is_file():
                shutil.copy(file, self._config)
        if self._authority:
            identity = self._issued("test-node", _HOST)
            shutil.copy(identity.certificate, self._config / "node.pem")
            shutil.copy(identity.key, self._config / "node.key")
            shutil.copy(self._authority.certificate, self._config / "ca.pem")
        self._own()
        words = ("add", "--stdin", "--force", "bootstrap.password")
        keystore = self._java(
            "keystore", *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        told, _ = keystore.communicate(self.password.encode())
        if keystore.returncode:
            raise SetupError(f"elasticsearch-keystore add failed: {told.decode(errors='replace')}")

    def _configure(self) -> None:
        values: dict[str, Any] = {
            "cluster.name": "test",
            "node.name": "test-1",
            "network.host": _HOST,
            "http.port": self.port,
            "transport.port": self._transport_port,
            "discovery.type": "single-node",
            "path.data": str(self._folder / "data"),
            "path.logs": str(self._folder / "logs"),
            "path.repo": str(self._folder / "repository"),
            "node.store.allow_mmap": False,
            "cluster.routing.allocation.disk.threshold_enabled": False,
            "xpack.license.self_generated.type": "trial",
            "xpack.security.enabled": True,
            "xpack.security.autoconfiguration.enabled": False,
        }
        if self._authority:
            values |= {
                "xpack.security.http.ssl.enabled": True,
                "xpack.security.http.ssl.certificate": "node.pem",
                "xpack.security.http.ssl.key": "node.key",
                "xpack.security.http.ssl.certificate_authorities": "ca.pem",
            }
        values |= self.settings
        lines = (f"{name}: {json.dumps(value)}\n" for name, value in values.items())
        (self._config / "elasticsearch.yml").write_text("".join(lines))
        options = (*self._java_options, "-Djava.io.tmpdir=${ES_TMPDIR}", "-XX:+ExitOnOutOfMemoryError")
        (self._config / "jvm.options").write_text("".join(f"{option}\n" for option in options))
        self._own()

    def _own(self) -> None:
        """Give the folder to who runs the server."""
        if who := account():
            for at in (self._folder, *self._folder.rglob("*")):
                os.chown(at, who.pw_uid, who.pw_gid)

    def _java(self, name: str, *words: str, **how: Any) -> subprocess.Popen[bytes]:
        """Start one of Elastic's own command line tools, the way the scripts in its bin/ do."""
        if who := account():
            how |= {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        environ = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "TZ")}
        environ |= {"ES_TMPDIR": str(self._folder / "tmp"), "HOME": str(self._folder)}
        properties = {
            "cli.name": name,
            "cli.script": self._home / "bin" / "elasticsearch",
            "cli.libs": f"lib/tools/{name}-cli",
            "es.path.home": self._home,
            "es.path.conf": self._config,
            "es.distribution.type": "zip",
            "es.java.type": "ES_JAVA_HOME",
        }
        command = ["setpriv", "--pdeathsig", "KILL"]  # a node whose tests were killed ends too: it sees its launcher go
        command += [tool("java"), "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC"]
        command += [f"-D{key}={value}" for key, value in properties.items()]
        command += ["-cp", os.pathsep.join((f"{self._home}/lib/*", f"{self._home}/lib/cli-launcher/*"))]
        command += ["org.elasticsearch.launcher.CliToolLauncher", *words]
        return subprocess.Popen(command, cwd=self._home, env=environ, start_new_session=True, **how)


def _free_port() -> int:
    """A port below those that outgoing connections take.

    With one of theirs a client could connect to itself while the node is down (TCP's simultaneous open), and hold the
    port when the node comes back.
    """
    ports = list(range(20_000, 32_000))
    random.SystemRandom().shuffle(ports)
    return next(port for port in ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
        except OSError:
            return False
        return True
