"""The server that tests run: had from Maven Central once, with the stand-in plugin compiled into it, kept in a cache."""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowcoll.errors import SetupError

CACHE = "FLOWCOLL_TEST_CACHE"
_HERE = Path(__file__).parent
_POM, _STAND_IN = _HERE / "pom.xml", _HERE / "StandInPlugin.java"
_NEEDED = (
    "JDK 17 (javac) and Maven are needed for the tests marked stack: apt-get install openjdk-17-jdk-headless maven"
)


def server() -> Path:
    """Give the home folder of a server that is ready to run; the first time, this takes a minute and the network."""
    for name in ("java", "javac", "mvn"):
        tool(name)
    cache = _cache()
    digest = hashlib.sha256(_POM.read_bytes() + _STAND_IN.read_bytes()).hexdigest()[:12]
    home = cache / f"elasticsearch-{digest}"
    if not home.exists():  # else it may be a cache that somebody else keeps, and we only read
        cache.mkdir(parents=True, exist_ok=True)
        check_reachable(cache, f"name another folder in {CACHE}")
        with _locked(cache / "lock"):
            if not home.exists():
                _make(home)
    check_reachable(cache, f"name another folder in {CACHE}")
    return home


def tool(name: str) -> str:
    """Where a tool of the JDK or Maven is; SetupError when it is missing or too old."""
    path = shutil.which(name)
    if path is None:
        raise SetupError(f"{_NEEDED} ({name} was not found)")
    if name == "javac":
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stdout
        found = re.match(r"javac (\d+)", told)
        if found is None or int(found[1]) < 17:
            raise SetupError(f"{_NEEDED} ({path} is {told.strip() or 'unusable'})")
    return path


def account() -> pwd.struct_passwd | None:
    """Who runs the server: Elasticsearch refuses to be root, so the account nobody does it for root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def check_reachable(folder: Path, remedy: str) -> None:
    """Raise SetupError when the server's account could not get at a folder."""
    if account() is None:
        return
    for at in (folder, *folder.parents):
        if not at.stat().st_mode & 0o001:
            raise SetupError(f"Elasticsearch runs as nobody, who may not enter {at}: {remedy}")


def _cache() -> Path:
    if chosen := os.environ.get(CACHE):
        return Path(chosen).resolve()
    if os.geteuid() == 0:  # nobody could not read what is below /root
        return Path("/var/cache/flowcoll-tests")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowcoll-tests"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time make a server in a cache that several share."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(home: Path) -> None:
    """Unpack and compile beside the place where it belongs, then move it there in one step."""
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        command = [tool("mvn"), "-q", "-B", "-f", str(_POM), f"-Dout={folder}", "generate-resources"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        made = next(Path(folder).glob("*/elasticsearch"), None)
        if done.returncode or made is None:
            told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise SetupError(f"Maven could not fetch Elasticsearch: {told[0] if told else 'it said nothing'}")
        _compile(made)
        subprocess.run(["chmod", "-R", "a+rX", str(made)], check=True)
        made.rename(home)


def _compile(home: Path) -> None:
    """Compile the stand-in plugin against this very server, and install it."""
    plugin = home / "plugins" / "stand-in"
    plugin.mkdir(parents=True)
    jars = [*(home / "lib").glob("*.jar"), *(home / "modules" / "x-pack-core").glob("*.jar")]
    with tempfile.TemporaryDirectory() as classes:
        command = [tool("javac"), "-nowarn", "-XDsuppressNotes", "-proc:none", "--release", "17", "-d", classes]
        subprocess.run([*command, "-cp", os.pathsep.join(map(str, jars)), str(_STAND_IN)], check=True)
        with zipfile.ZipFile(plugin / "stand-in.jar", "w", zipfile.ZIP_DEFLATED) as jar:
            for file in sorted(Path(classes).rglob("*.class")):
                jar.write(file, file.relative_to(classes))
    core = next((home / "lib").glob("elasticsearch-[0-9]*.jar"))
    descriptor = {
        "name": "stand-in",
        "description": "REST calls and field types of modules that are missing; for tests only",
        "version": "1",
        "elasticsearch.version": core.stem.removeprefix("elasticsearch-"),
        "java.version": "17",
        "classname": "standin.StandInPlugin",
        "extended.plugins": "x-pack-core",
    }
    text = "".join(f"{name}={value}\n" for name, value in descriptor.items())
    (plugin / "plugin-descriptor.properties").write_text(text)
