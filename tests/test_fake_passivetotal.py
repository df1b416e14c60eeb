"""The stand-in answers in the shapes that clients of PassiveTotal have met, and fails in the ways they have met."""

import base64
import gzip
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fakes.passivetotal import BLOCKLIST, FAULTS, FORMS, KEY, MANY, USER, PassiveTotal, many

ACCOUNT = base64.b64encode(f"{USER}:{KEY}".encode()).decode()


class Reply:
    """What came back: status, headers by lower-case name, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): text for name, text in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def get(url: str, path: str, **headers: str) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    try:
        sent = {"Authorization": f"Basic {ACCOUNT}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", path, headers=sent)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def shape(value: Any) -> Any:
    """Names and types, those of the first element for a list."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


# recorded shapes


def texts(names: str) -> dict[str, str]:
    """The shape of an object of texts."""
    return dict.fromkeys(names.split(), "str")


SEEN = texts("firstSeen lastSeen")
RECORD = texts("value collected recordType resolve resolveType recordHash") | SEEN | {"source": ["str"]}
PASSIVE = texts("queryValue queryType") | SEEN | {"pager": "NoneType", "totalRecords": "int", "results": [RECORD]}
GROUP = {"type": "str", "count": "int", "values": ["str"], "source": "str"}
ARTICLE = {
    **texts("guid title summary type createdDate publishedDate link"),
    "categories": [],
    "tags": ["str"],
    "indicators": [GROUP],
}
INDICATOR = texts("type value source guid link publishedDate") | {"tags": ["str"]}
SERVICE = {
    **texts("protocol status lastScan"),
    **SEEN,
    "portNumber": "int",
    "count": "int",
    "banners": [{**texts("banner scanType"), **SEEN, "count": "int"}],
    "currentServices": [texts("label version category") | SEEN],
    "recentServices": [],
    "mostRecentSslCert": "NoneType",
}
COUNTS, SEARCHES = {"searchApi": "int", "searchWeb": "int"}, {"search_api": "int", "search_web": "int"}
QUOTA = {
    "user": {
        **texts("owner quotaInterval next_reset last_reset"),
        "licenseCounts": COUNTS,
        "licenseLimits": COUNTS,
        "counts": SEARCHES,
        "limits": SEARCHES,
    },
    "organization": {
        "quotaInterval": "str",
        "licenseCounts": {"enterprise": {"searchApi": "int"}},
        "licenseLimits": {"enterprise": {"searchApi": "int"}},
    },
}
ACCOUNTS = texts("username firstName lastName organization firstActive lastActive")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/account", ACCOUNTS),
        ("/v2/account/quota", QUOTA),
        ("/v2/dns/passive?query=shop.example", PASSIVE),
        ("/v2/dns/passive?query=198.51.100.7", PASSIVE),
        (
            "/v2/dns/passive/unique?query=shop.example",
            {"queryValue": "str", "total": "int", "pager": {}, "results": ["str"], "frequency": [["str"]]},
        ),
        ("/v2/services?query=198.51.100.7", {"success": "bool", "totalRecords": "int", "results": [SERVICE]}),
        ("/v2/articles?createdAfter=2021-01-01", {"success": "bool", "totalRecords": "int", "articles": [ARTICLE]}),
        ("/v2/articles/ab12cd34", ARTICLE),
        (
            "/v2/articles/indicators?articleGuid=ab12cd34",
            {"success": "bool", "totalRecords": "int", "indicators": [INDICATOR]},
        ),
        (
            "/v2/articles/indicator?query=bad.example&type=domain",
            {"success": "bool", "totalRecords": "int", "articles": [ARTICLE]},
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/pt"])
def test_shapes(fake: PassiveTotal, path: str, expected: Any, prefix: str) -> None:
    """Every page has the names and types that clients have recorded, below both prefixes in use."""
    reply = get(fake.url, prefix + path)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert shape(reply.json) == expected


def test_passive_dns(fake: PassiveTotal) -> None:
    """A name leads to records, an address to names; start and end limit them; nobody known is an empty answer."""
    found = get(fake.url, "/v2/dns/passive?query=shop.example&start=2021-06-01%2000:00:00").json
    assert [row["recordType"] for row in found["results"]] == ["A", "MX", "SOA"]
    assert (found["queryType"], found["firstSeen"], found["lastSeen"]) == (
        "domain",
        "2021-05-01 00:00:00",
        "2021-06-07 08:09:10",
    )
    found = get(fake.url, "/v2/dns/passive?query=198.51.100.7").json
    assert [(row["value"], row["resolve"], row["resolveType"]) for row in found["results"]] == [
        ("198.51.100.7", "shop.example", "domain"),
        ("198.51.100.7", "*.parcels.example", "domain"),
    ]
    assert get(fake.url, "/v2/dns/passive?query=nobody.example").json["results"] == []
    assert get(fake.url, "/v2/services?query=203.0.113.77").json["totalRecords"] == 0


def test_articles(fake: PassiveTotal) -> None:
    """Articles come page by page, the oldest first or last; by day; single ones are not wrapped."""
    pages = [get(fake.url, f"/v2/articles?sort=created&order=asc&page={page}").json for page in range(3)]
    assert [[article["guid"] for article in page["articles"]] for page in pages] == [
        ["cd90ef12", "ab12cd34"],
        ["ef56ab78"],
        [],
    ]
    assert {page["totalRecords"] for page in pages} == {3}
    newest = get(fake.url, "/v2/articles?order=desc&createdAfter=2021-03-06").json["articles"]
    assert [article["guid"] for article in newest] == ["ef56ab78"]
    flat = get(fake.url, "/v2/articles/indicators?startDate=2021-03-01").json["indicators"]
    assert [row["value"] for row in flat][:3] == ["bad.example", "worse.example", "0123456789abcdef0123456789abcdef"]
    assert get(fake.url, "/v2/articles/0000").status == 404


# who asks, and what for


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic amFuZTp4", f"Bearer {ACCOUNT}", "Basic /w=="])
def test_strangers(fake: PassiveTotal, header: str) -> None:
    """Without the right user and key there is nothing but an error in the service's own shape."""
    reply = get(fake.url, "/v2/account", Authorization=header)
    assert reply.status == 401
    assert shape(reply.json) == {"error": {"message": "str", "developer_message": "str", "http_code": "int"}}
    assert fake.requests[-1].user == ""


def test_requests_are_remembered_without_the_key(fake: PassiveTotal) -> None:
    """A test may look at what was asked; the key is not kept."""
    get(fake.url, "/v2/services?query=198.51.100.7", User_Agent="us/1")
    (request,) = fake.requests
    assert (request.path, request.query, request.user) == ("/v2/services", {"query": "198.51.100.7"}, USER)
    assert request.headers["User-Agent"] == "us/1"
    assert ACCOUNT not in repr(request)


# the list


@pytest.mark.parametrize("form", list(FORMS))
def test_the_list(fake: PassiveTotal, form: str) -> None:
    """The list comes in every form; who has it already is told so, also after it was compressed on its way."""
    fake.form = form
    reply = get(fake.url, BLOCKLIST)
    assert reply.body == FORMS[form](fake.rows)
    again = get(fake.url, BLOCKLIST, If_None_Match=reply.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    fake.rows = fake.rows[1:]
    assert get(fake.url, BLOCKLIST, If_None_Match=reply.headers["etag"]).status == 200
    fake.compressed = True
    zipped = get(fake.url, BLOCKLIST, Accept_Encoding="gzip")
    assert gzip.decompress(zipped.body) == FORMS[form](fake.rows)


def test_a_long_list() -> None:
    """The long list is as long as the real one: 300,000 different addresses in about 30 MB, the same each time."""
    rows = many(3_000)
    assert rows == many(3_000)
    assert MANY == 300_000
    assert len({row["ip"] for row in rows}) == 3_000
    assert 25 < len(FORMS["object"](rows)) * 100 / 1e6 < 35


# faults

STATUSES = {fault: int(fault[:3]) for fault in FAULTS if re.match(r"[2-5]\d\d", fault)}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_happens_once(fake: PassiveTotal, fault: str) -> None:
    """A fault asked for happens to the next request, and the one after it is answered."""
    fake.fail(fault)
    fake.released.set()
    try:
        reply = get(fake.url, BLOCKLIST)
    except (http.client.IncompleteRead, ConnectionError):
        assert fault in {"cut-body", "cut-chunked", "reset"}
    else:
        assert reply.status == STATUSES.get(fault, 200)
    assert get(fake.url, BLOCKLIST).body == FORMS["object"](fake.rows)


def test_a_fault_may_last(fake: PassiveTotal) -> None:
    """A fault may be for all requests, and may end."""
    fake.fault = "502"
    assert [get(fake.url, "/v2/account").status for _ in range(2)] == [502, 502]
    assert not get(fake.url, "/v2/account").body.startswith(b"{")
    fake.fault = ""
    assert get(fake.url, "/v2/account").status == 200


def test_an_unknown_fault_is_an_error(fake: PassiveTotal) -> None:
    """A word that is no fault is told with those that are."""
    with pytest.raises(ValueError, match="is no fault; these are: 401, 402"):
        fake.fail("999")


def test_bodies_of_errors(fake: PassiveTotal) -> None:
    """Errors come in all shapes that were seen: a message, an object, a text, a page of a proxy; two when to come again."""
    fake.fail("402", "403", "401", "success-false", "error", "429", "429-date")
    replies = [get(fake.url, "/v2/account") for _ in range(7)]
    assert replies[0].json["message"].startswith("quota_exceeded")
    assert [shape(reply.json) for reply in replies[1:5]] == [
        {"error": "str"},
        {"error": {"message": "str", "developer_message": "str", "http_code": "int"}},
        {"success": "bool", "message": "str"},
        {"error": {"message": "str", "developer_message": "str", "http_code": "int"}},
    ]
    assert replies[5].headers["retry-after"].isdigit()
    assert replies[6].headers["retry-after"].endswith("GMT")


@pytest.mark.parametrize("fault", ["slow-start", "slow-body"])
def test_a_slow_answer_comes_when_it_may(fake: PassiveTotal, fault: str) -> None:
    """A slow answer waits until it is released; the stand-in says that it waits."""
    fake.fail(fault)
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(get(fake.url, BLOCKLIST)))
    asking.start()
    assert fake.waiting.wait(20)
    assert not replies
    fake.released.set()
    asking.join()
    assert replies[0].body == FORMS["object"](fake.rows)


def test_the_command() -> None:
    """As a command it says where it is and as whom to ask, and ends with a signal."""
    script = Path(__file__).parent / "fakes" / "passivetotal.py"
    command = [sys.executable, str(script), "--form", "csv", "--user", "u", "--key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+) is a stand-in for PassiveTotal; user u, key k\n", line)
        assert found
        reply = get(found[1], BLOCKLIST, Authorization="Basic " + base64.b64encode(b"u:k").decode())
        assert reply.body.startswith(b'"ip","threat"')
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
