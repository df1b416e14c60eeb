"""The stand-in for Kibana is asked, refuses and fails as a real one and the proxies before it do."""

import http.client
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from elastic_node.certificates import Authority
from fakes.kibana import Account, Kibana
from fakes.kibana.caller import Caller, api_key, basic, dashboard, form, ndjson, other, view
from fakes.kibana.faults import FAULTS, NUMBERED, fault
from fakes.kibana.versions import SUPPORTED, release

STATUS, SPACES, IMPORT = "/api/status", "/api/spaces/space", "/api/saved_objects/_import"
SETUP = "/internal/ml/modules/setup/module"
GONE = (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionError)


@pytest.fixture
def fake() -> Iterator[Kibana]:
    with Kibana() as fake:
        yield fake


@pytest.fixture
def caller(fake) -> Caller:
    return Caller(fake.url, basic(fake.accounts[0]))


# who asks


def test_credentials(fake):
    """A password, an API key or a token will do; anything else is a 401 in Kibana's shape."""
    known = [basic(fake.accounts[0]), api_key(fake.keys[0]), f"Bearer {fake.tokens[0].secret}"]
    assert [Caller(fake.url, who).get(SPACES).status for who in known] == [200, 200, 200]
    wrong = [basic(Account("elastic", "guess")), api_key(fake.accounts[0]), "Bearer no", "Basic ?", "Digest x", ""]
    for who in wrong:
        reply = Caller(fake.url, who).get(SPACES)
        assert reply.status == 401
        assert reply.json.keys() == {"statusCode", "error", "message"}
    assert [request.user for request in fake.requests] == ["elastic", "key-id", "robot", *[""] * 6]


def test_no_security():
    """Without security nobody is asked who he is, and what he says of it is not looked at."""
    with Kibana(security=False) as fake:
        assert Caller(fake.url).load(view()).json["success"]
        assert Caller(fake.url, "Basic nonsense").get(SPACES).status == 200
        assert Caller(fake.cluster.url).get("/_license").status == 200


def test_no_rights(fake):
    """Who is known and may do nothing is a 403."""
    fake.accounts.append(Account("nobody", "x", "none"))
    assert Caller(fake.url, basic(fake.accounts[-1])).get(SPACES).status == 403


def test_secrets_are_not_kept(fake, caller):
    """Requests are remembered with path, space, query, headers and body, and without what proves who asks."""
    caller.ask("GET", "/s/b/api/saved_objects/_find?type=a&type=b", None, Cookie="sid=secret", X_Mine="1")
    caller.load(view())
    found, loaded = fake.requests
    assert (found.method, found.path, found.space) == ("GET", "/api/saved_objects/_find", "b")
    assert found.query == {"type": ["a", "b"]}
    assert found.headers["X-Mine"] == "1"
    assert b'"id":"view"' in loaded.body
    assert fake.asked("POST .*_import") == [loaded]
    assert not any(secret in repr(fake.requests) for secret in ("not-a-password", "sid=", "Authorization"))
    assert caller.headers["Authorization"].split()[1] not in repr(fake.requests)


# forged requests, versions of the API


@pytest.mark.parametrize("version", SUPPORTED)
def test_forged(version):
    """What is no GET needs a token, of any value, or Kibana's own version; the body is not looked at before."""
    with Kibana(version) as fake:
        caller = Caller(fake.url, basic(fake.accounts[0]))
        missing = (400, "Request must contain a kbn-xsrf header.")
        assert caller.ask("POST", IMPORT, b"no form").said == missing
        assert caller.ask("POST", IMPORT).json["error"] == "Bad Request"
        assert caller.ask("DELETE", "/api/saved_objects/dashboard/x").said == missing
        assert caller.ask("POST", IMPORT, b"no form", kbn_xsrf="").status == 415
        assert caller.ask("POST", IMPORT, b"no form", kbn_version=fake.release.number).status == 415
        assert caller.get(STATUS).status == 200
        reply = caller.ask("POST", IMPORT, b"no form", kbn_version="8.0.0", kbn_xsrf="true")
        assert reply.said[0] == 400
        assert reply.json["message"].startswith("Browser client is out of date")
        assert reply.json["attributes"] == {"expected": fake.release.number, "got": "8.0.0"}


@pytest.mark.parametrize(("version", "closed"), [("8.14", False), ("8.19", False), ("9.1", True)])
def test_internal_pages(version, closed):
    """Internal pages want their version said; 9.x opens them only to who says that he is Kibana."""
    with Kibana(version) as fake:
        caller = Caller(fake.url, basic(fake.accounts[0]))
        caller.load(other("ml-module", "module", id="module", jobs=[], datafeeds=[]))
        said = f"uri [{SETUP}] with method [post] exists but is not available with the current configuration"
        reply = caller.post(SETUP, {}, Elastic_Api_Version="1")
        assert (reply.said == (400, said)) is closed
        origin = {"x_elastic_internal_origin": "kibana"}
        assert caller.post(SETUP, {}, **origin).said[0] == 400
        assert caller.post(SETUP, {}, Elastic_Api_Version="1", **origin).status == 200


def test_public_pages(caller):
    """Public pages take their version or none."""
    assert caller.get(SPACES, Elastic_Api_Version="2023-10-31").status == 200
    assert caller.get(SPACES, Elastic_Api_Version="1").status == 400


# state


@pytest.mark.parametrize("version", SUPPORTED)
def test_status(version):
    """Who is logged in sees version and uuid; strangers see the level and nothing else."""
    with Kibana(version) as fake:
        told = Caller(fake.url, basic(fake.accounts[0])).get(STATUS).json
        assert told["version"]["number"] == release(version).number
        assert told["version"]["number"].startswith(version)
        assert told["uuid"] == fake.uuid
        level = {"state": "green"} if version == "7.17" else {"level": "available"}
        assert Caller(fake.url).get(STATUS).json == {"status": {"overall": level}}
        if version == "7.17":
            assert Caller(fake.url).get(f"{STATUS}?v8format=true").json == {
                "status": {"overall": {"level": "available"}}
            }


def test_levels(fake, caller):
    """Unavailable and critical are a 503, degraded is not."""
    statuses = []
    for fake.level in ("available", "degraded", "unavailable", "critical"):
        reply = caller.get(STATUS)
        assert reply.json["status"]["overall"]["level"] == fake.level
        statuses.append(reply.status)
    assert statuses == [200, 200, 503, 503]


def test_starting():
    """So many requests are too early, whatever they ask for; the next is answered."""
    with Kibana(starting=2) as fake:
        caller = Caller(fake.url, basic(fake.accounts[0]))
        replies = [caller.get(STATUS), caller.load(view()), caller.get(STATUS)]
        assert [reply.status for reply in replies] == [503, 503, 200]
        assert replies[0].body == b"Kibana server is not ready yet"
        assert fake.store.keys("default") == []


# where it is


def test_base_path():
    """Below a base path all is as without one; beside it there is a page to log in, which is no API."""
    with Kibana(base_path="/kibana") as fake:
        caller = Caller(fake.url, basic(fake.accounts[0]))
        assert fake.url.endswith("/kibana")
        assert caller.get(STATUS).status == 200
        assert caller.load(view(), space="b").json["success"]
        assert fake.store.keys("b") == [("index-pattern", "view")]
        wrong = Caller(fake.url.removesuffix("/kibana"), caller.headers["Authorization"])
        for reply in (wrong.get(STATUS), wrong.load(view())):
            assert (reply.status, reply.headers["location"].split("?")[0]) == (302, "/login")
        page = wrong.get("/login")
        assert (page.status, page.headers["content-type"].split(";")[0]) == (200, "text/html")


def test_pages_for_people(caller):
    """What is no API leads to the page to log in; an unknown path of the API is a 404."""
    assert caller.get("/app/home").status == 302
    assert caller.get("/").headers["location"].startswith("/login")
    assert caller.get("/api/no-such-thing").said == (404, "Not Found")
    assert caller.get(f"/s/default{STATUS}").status == 200


def test_without_spaces(fake, caller):
    """Where there are no spaces, their prefix leads nowhere."""
    fake.with_spaces = False
    assert caller.load(view(), space="foo").said == (404, "Not Found")
    assert caller.get(SPACES).status == 404


def test_tls(tmp_path):
    """It shows the certificate that it was given, Kibana and Elasticsearch alike; whom no one vouches for is refused."""
    authority = Authority(tmp_path)
    own = authority.issue("kibana", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    trust = ssl.create_default_context(cafile=authority.certificate)
    with Kibana(tls=context) as fake:
        assert fake.url.startswith("https://")
        who = basic(fake.accounts[0])
        assert Caller(fake.url, who, trust=trust).load(view()).json["success"]
        assert Caller(fake.cluster.url, who, trust=trust).get("/_license").status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            Caller(fake.url, who, trust=ssl.create_default_context()).get(STATUS)
        assert Caller(fake.url, who, trust=trust).get(STATUS).status == 200


# what goes wrong


def test_faults_in_turn(fake, caller):
    """Each request that fits takes one; one that does not fit, and an empty one, is answered."""
    fake.fail("503", "", "403", on="POST .*_import")
    statuses = [caller.load(view(str(number))).status for number in range(2)]
    assert caller.get(STATUS).status == 200
    assert [*statuses, caller.load(view()).status, caller.load(view()).status] == [503, 200, 403, 200]
    fake.fault = "500"
    assert [caller.get(STATUS).status, caller.load(view()).status] == [500, 500]
    with pytest.raises(ValueError, match="teapot is no fault; these are: 401"):
        fake.fail("teapot")


@pytest.mark.parametrize("word", ["401", "403", "413", "422", "429", "500", "503"])
def test_refusals(fake, caller, word):
    """A refusal is in Kibana's shape, or in Elasticsearch's if that is asked; nothing is done."""
    fake.fail(word)
    reply = caller.load(view())
    assert reply.status == reply.json["statusCode"] == int(word)
    assert reply.json.keys() == {"statusCode", "error", "message"}
    assert fake.store.keys("default") == []
    fake.cluster.fail(word)
    reply = Caller(fake.cluster.url, basic(fake.accounts[0])).get("/_license")
    assert reply.status == reply.json["status"] == int(word)


@pytest.mark.parametrize(
    ("word", "status", "kind"),
    [
        ("html", 200, "text/html"),
        ("502", 502, "text/html"),
        ("302", 302, "text/html"),
        ("starting", 503, "text/plain"),
        ("no-json", 200, "application/json"),
        ("empty", 200, "application/json"),
    ],
)
def test_other_answers(fake, caller, word, status, kind):
    """A proxy's page, a page to log in, half an object and nothing at all are no answers of the API."""
    fake.fail(word)
    reply = caller.load(view())
    assert (reply.status, reply.headers["content-type"].split(";")[0]) == (status, kind)
    with pytest.raises(ValueError):  # noqa: PT011  whatever it is, it is no JSON
        reply.json  # noqa: B018
    assert fake.store.keys("default") == []


@pytest.mark.parametrize(
    ("word", "written"),
    [("reset", 0), ("cut-request:40", 0), ("cut-write:1", 1), ("cut-write:0", 0), ("cut-answer:40", 2)],
)
def test_cut_connections(fake, caller, word, written):
    """A connection can end at any octet; what was written before stays."""
    fake.fail(word)
    with pytest.raises(GONE):
        caller.load(view(), dashboard())
    assert len(fake.store.keys("default")) == written
    if word.startswith("cut-request"):
        assert len(fake.requests[0].body) == 40
    assert caller.load(view(), dashboard(), query="?overwrite=true").json["success"]


@pytest.mark.parametrize("word", ["slow-start", "slow-body"])
def test_slow(fake, caller, word):
    """A slow answer waits until it is released, and others are answered meanwhile."""
    fake.fail(word, on="_import")
    replies = []
    asking = threading.Thread(target=lambda: replies.append(caller.load(view())))
    asking.start()
    assert fake.waiting.wait(10)
    assert caller.get(STATUS).status == 200
    assert not replies
    fake.released.set()
    asking.join()
    assert replies[0].json["success"]


def test_every_fault_has_a_test():
    """Each word stands in a test of this file."""
    text = Path(__file__).read_text()
    assert not [word for word in (*FAULTS, *NUMBERED) if f'"{word}' not in text]
    with pytest.raises(ValueError, match="cut-write is no fault"):
        fault("cut-write")


def test_chunks(fake, caller):
    """A body may come in chunks."""
    octets = form(ndjson([view()]), "a.ndjson", {})
    edge = octets[2 : octets.index(b"\r\n")].decode()
    connection = http.client.HTTPConnection(*fake.url.removeprefix("http://").split(":"), timeout=20)
    headers = caller.headers | {"kbn-xsrf": "", "Content-Type": f'multipart/form-data; boundary="{edge}"'}
    connection.request("POST", IMPORT, iter([octets[:50], octets[50:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert fake.store.keys("default") == [("index-pattern", "view")]


def test_odd_bodies(fake, caller):
    """A body that it cannot read is a 500, and is kept for whoever wonders; no JSON is a 400."""
    assert caller.ask("POST", "/api/saved_objects/_bulk_delete", b"{", kbn_xsrf="").status == 400
    assert caller.post("/api/saved_objects/_bulk_delete", [{}]).status == 500
    assert [type(surprise) for surprise in fake.surprises] == [KeyError]


def test_command():
    """As a command it says where it is and as whom to ask, and ends with a signal."""
    command = [sys.executable, "-m", "fakes.kibana", "--version", "9.1", "--licence", "basic", "--space", "b"]
    where = Path(__file__).parent
    with subprocess.Popen([*command, "--base-path", "/k"], stdout=subprocess.PIPE, text=True, cwd=where) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(
            r"(http://127\.0\.0\.1:\d+/k) is a stand-in for Kibana 9\.1\.8, (http://127\.0\.0\.1:\d+) for the"
            r" Elasticsearch beside it; user (\S+), password (\S+)\n",
            line,
        )
        assert found
        who = basic(Account(found[3], found[4]))
        assert Caller(found[1], who).get(f"{SPACES}/b").json["id"] == "b"
        assert Caller(found[2], who).get("/_license").json["license"]["type"] == "basic"
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
