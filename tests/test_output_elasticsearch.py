import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.elasticsearch import SAID, Elasticsearch
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import Wanted
from flowcoll.elastic import connect
from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log
from flowcoll.output import open_outputs
from flowcoll.output.session import Means
from running_output import Running

WHOLE = ["400", "401", "403", "429", "502", "503"]
TORN = ["reset", "stored_reset", "half", "garbage", "page", "other_json"]


@pytest.fixture
def fake() -> Iterator[Elasticsearch]:
    with Elasticsearch() as made:
        yield made


@pytest.fixture
def running(tmp_path: Path, fake: Elasticsearch) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(**values) -> Running:
        made.append(Running(tmp_path / "dead-letter", values.pop("fake", fake), **values))
        return made[-1]

    yield make
    for one in made:
        one.end()


def numbers(fake, index=""):
    return [document["n"] for document in fake.documents(index)]


# delivery


def test_documents_arrive_once(running, fake):
    """Documents are stored as they are, each once and in its order, in the data stream of their namespace."""
    run = running()
    for start in range(0, 100, 10):
        run.write(*range(start, start + 10))
    run.settle()
    assert numbers(fake, "logs-flowcoll.flow-default") == list(range(100))
    assert fake.documents()[7] == {"@timestamp": "2026-11-21T22:54:27.123Z", "n": 7}
    assert run.count("documents.delivered") == 100
    assert run.count("requests.done") == len(fake.bulks)
    (line,) = run.lines()
    assert (line["level"], line["msg"]) == ("info", "connected to Elasticsearch")
    assert (line["output"], line["version"], line["cluster"]) == ("elasticsearch", "8.19.8", "test")


def test_a_bulk_request_asks_for_little_and_for_a_data_stream(running, fake):
    """Most answers are cut to errors and statuses; without a template nothing is made that is not a data stream."""
    run = running()
    for number in range(3):
        run.write(number)
        run.settle()
    first, *others = fake.bulks
    short = "took,errors,items.*.error,items.*.status"
    assert [bulk.query for bulk in others] == [{"filter_path": short, "require_data_stream": "true"}] * 2
    assert first.query["filter_path"] == f"{short},items.*._index"  # now and then, to see which index it is
    assert {bulk.headers["content-encoding"] for bulk in fake.bulks} == {"gzip"}


def test_an_index_per_day(running, fake):
    """With a period, documents go to the index of their own day; these are no data streams."""
    run = running(INDEX_PERIOD="daily", INDEX_SUFFIX="site1", clock=lambda: 1_795_301_667.0)
    run.write(1, day="2026-11-20")
    run.write(2, day="2026-11-21")
    run.settle()
    assert numbers(fake, "flowcoll-flow-default-site1-2026.11.20") == [1]
    assert numbers(fake, "flowcoll-flow-default-site1-2026.11.21") == [2]
    assert "require_data_stream" not in fake.bulks[0].query


def test_a_request_is_sent_at_its_size(running, fake):
    """No request is larger than BATCH_MAX_BYTES, and full ones do not wait for the deadline."""
    run = running(BATCH_MAX_BYTES=1500, BATCH_DEADLINE=60_000)
    run.write(*range(100))
    run.wait(lambda: len(fake.bulks) >= 8)
    assert max(bulk.octets for bulk in fake.bulks) <= 1500
    run.output.flush()
    run.settle()
    assert numbers(fake) == list(range(100))


def test_a_lone_document_is_sent_at_the_deadline(running, fake):
    """A document does not wait for company longer than BATCH_DEADLINE."""
    run = running(BATCH_DEADLINE=500)
    run.write(1)
    gevent.sleep(0.01)
    run.write(2)
    run.settle()
    assert [len(bulk.pairs) for bulk in fake.bulks] == [2]


def test_nothing_is_no_request(running, fake):
    """An empty batch makes no request."""
    run = running()
    run.write()
    run.write(1)
    run.settle()
    assert len(fake.bulks) == 1


# requests that fail


@pytest.mark.parametrize("word", WHOLE + TORN)
def test_a_request_that_fails_is_sent_again(running, fake, word):
    """Whatever is wrong with a request as a whole, it is sent again: nothing is lost, nothing is there twice."""
    run = running()
    fake.fail(word, word)
    run.write(1, 2, 3)
    run.settle()
    assert numbers(fake) == [1, 2, 3]
    assert sum(run.by("requests.failed").values()) == run.output.state()["retries"] == 2


@pytest.mark.parametrize("word", ["stored_reset", "half"])
def test_what_an_earlier_try_has_stored_is_delivered(running, fake, word):
    """When only the answer was lost, the next try finds the documents there: delivered before, and no dead letters."""
    run = running()
    fake.fail(word)
    run.write(1, 2, 3)
    run.settle()
    assert (run.count("documents.delivered"), run.count("documents.delivered_before")) == (0, 3)
    assert not run.letters.path.exists()


def test_it_starts_without_elasticsearch(running):
    """Documents wait while nobody listens, and are sent when somebody does; each change is one line."""
    fake = Elasticsearch()
    with fake:
        pass  # a port that is free
    run = running(fake=fake)
    run.write(1, 2)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    assert run.output.state()["queued_documents"] == 2
    assert "Connection refused" in run.output.state()["last_error"]
    with fake:
        run.settle()
        assert numbers(fake) == [1, 2]
    assert [line["msg"].split(";")[0] for line in run.lines()] == [
        "Elasticsearch takes no documents now",
        "connected to Elasticsearch",
    ]


def test_a_restart_in_mid_stream(running, fake):
    """Documents written while Elasticsearch is away arrive after it came back."""
    run = running()
    run.write(1)
    run.settle()
    fake.stop()
    run.write(2)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    run.write(3)
    fake.start()
    run.settle()
    assert numbers(fake) == [1, 2, 3]
    assert run.output.state()["state"] == "connected"
    assert "after_s" in run.lines()[-1]


def test_another_node_is_asked_at_once(running, fake):
    """With one node of two away documents go to the other one; that is no loss of connection."""
    gone = Elasticsearch()
    with gone:
        pass
    run = running(ADDRESSES=f"{gone.address},{fake.address}")
    for number in range(10):
        run.write(number)
        run.settle()
    assert numbers(fake) == list(range(10))
    assert [line["msg"] for line in run.lines()] == ["connected to Elasticsearch"]


def test_an_answer_that_does_not_come(running, fake):
    """A request that is not answered in time is sent again."""
    run = running(means=Means(partial(connect, request_timeout_s=0.2)))
    fake.fail("stop")
    run.write(1)
    run.wait(lambda: run.by("requests.failed"))
    fake.go_on.set()
    run.settle()
    assert numbers(fake) == [1]


def test_a_server_that_asks_for_time_gets_it(running, fake):
    """Retry-After is kept to."""
    fake.retry_after = "1"
    run = running()
    fake.fail("429")
    run.write(1)
    run.wait(lambda: run.by("requests.failed"))
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.7):
        run.settle()
    run.settle()
    assert numbers(fake) == [1]


def test_something_that_is_not_elasticsearch(running, fake):
    """What answers as another product gets no documents, and the reason says so."""
    fake.everywhere = True
    fake.fault("stranger")
    run = running()
    run.write(1)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    assert "not Elasticsearch" in run.output.state()["last_error"]
    assert fake.bulks == []
    fake.fault("")
    run.settle()


def test_without_retries(running, fake):
    """With RETRY_ENABLE off what fails is dropped, and counted with the reason: whole requests and single documents."""
    run = running(RETRY_ENABLE=False)
    fake.fail("503")
    run.write(1, 2)
    run.settle()
    fake.picks = lambda document: document["n"] == 3
    fake.fail("busy")
    run.write(3, 4)
    run.settle()
    assert numbers(fake) == [4]
    assert run.by("documents.dropped_because") == {"not_retried": 3}
    assert [line["msg"] for line in run.lines()].count("documents are dropped") == 1


def test_without_retries_on_timeout(running, fake):
    """With RETRY_ON_TIMEOUT_ENABLE off a request without an answer is dropped, others are sent again."""
    run = running(means=Means(partial(connect, request_timeout_s=0.2)), RETRY_ON_TIMEOUT_ENABLE=False)
    fake.fail("503", "stop")
    run.write(1, 2)
    run.settle()
    assert run.by("documents.dropped_because") == {"timeout": 2}


# documents that are refused


def test_a_rejected_document_is_kept(running, fake):
    """A document that cannot be stored is counted by its error, kept with the reason, and shown; the others are stored."""
    run = running()
    fake.picks = lambda document: document["n"] in {2, 4}
    fake.fail("mapping")
    run.write(1, 2, 3, 4)
    run.settle()
    assert numbers(fake) == [1, 3]
    assert run.by("documents.rejected") == {"document_parsing_exception": 2}
    assert run.count("dead_letters.written") == 2
    first, second = run.dead()
    assert first["document"] == {"@timestamp": "2026-11-21T22:54:27.123Z", "n": 2}
    assert second["document"]["n"] == 4
    assert (first["index"], first["status"]) == ("logs-flowcoll.flow-default", 400)
    assert first["type"] == "document_parsing_exception"
    assert first["reason"] == SAID["item"]["mapping"]["error"]["reason"]
    example = run.lines()[-1]
    assert (example["level"], example["rejected"]) == ("error", 2)
    assert example["dead_letters"] == str(run.letters.path)


def test_an_example_a_minute(running, fake):
    """However many documents are rejected, one of them is shown each minute."""
    run = running()
    fake.fault("mapping")
    for number in range(20):
        run.write(number)
        run.output.flush()
    run.settle()
    assert sum("rejects" in line["msg"] for line in run.lines()) == 1
    assert len(run.dead()) == 20


def test_errors_nobody_knows_share_a_counter(running, fake):
    """What a server calls its errors cannot fill our counters."""
    run = running()
    fake.fail("unknown")
    run.write(1)
    run.settle()
    assert run.by("documents.rejected") == {"other": 1}


@pytest.mark.parametrize("word", ["busy", "disk_full"])
def test_only_what_found_no_room_is_sent_again(running, fake, word):
    """Of a request, the documents that Elasticsearch had no room for are sent again, the others are not."""
    run = running()
    fake.picks = lambda document: document["n"] % 2
    fake.fail(word, word)
    run.write(1, 2, 3, 4, 5)
    run.settle()
    assert numbers(fake) == [1, 2, 3, 4, 5]
    assert [[document["n"] for _, document in bulk.pairs] for bulk in fake.bulks] == [
        [1, 2, 3, 4, 5],
        [1, 3, 5],
        [1, 3, 5],
    ]
    assert run.count("documents.delivered") == 5
    assert run.count("documents.delivered_before") == 0


@pytest.mark.parametrize("word", ["unauthorized", "no_template", "read_only"])
def test_documents_wait_for_a_right_or_a_template(running, fake, word):
    """What hits every document is no fault of theirs: they wait, and the server is made ready anew before the next try."""
    installed = []
    run = running(install=lambda *_: installed.append(len(fake.bulks)))
    fake.fault(word)
    run.write(1, 2)
    run.wait(lambda: len(fake.bulks) >= 8)  # more often than a single document is tried
    assert run.by("documents.rejected") == {}
    assert str(SAID["item"][word]["status"]) in run.output.state()["last_error"]
    fake.fault("")
    run.settle()
    assert numbers(fake) == [1, 2]
    assert len(installed) >= 8


def test_documents_that_alone_are_refused_do_not_hold_up_the_others(running, fake):
    """Documents for an index that is read-only are given up after some tries when others go through."""
    run = running()
    fake.picks = lambda document: document["n"] == 2
    fake.fault("read_only")
    run.write(1, 2, 3)
    run.wait(lambda: 1 in numbers(fake))
    for number in range(10, 20):
        run.write(number)
        run.output.flush()
    run.settle()
    assert numbers(fake) == [1, 3, *range(10, 20)]
    assert run.by("documents.rejected") == {"cluster_block_exception": 1}
    assert run.dead()[0]["document"]["n"] == 2


def test_a_request_that_is_too_large_is_split(running, fake):
    """What is too large is sent in parts, and later requests are smaller from the start."""
    fake.most = 300
    run = running(BATCH_MAX_BYTES=1 << 20, BATCH_DEADLINE=60_000)
    run.write(*range(2000))
    run.output.flush()
    run.settle()
    assert numbers(fake) == list(range(2000))
    assert run.count("documents.delivered") == 2000
    before = len(fake.bulks)
    run.write(*range(2000, 2300))
    run.output.flush()
    run.settle()
    assert len(fake.bulks) == before + 1
    (line,) = [line for line in run.lines() if "too large" in line["msg"]]
    assert "EF_OUTPUT_ELASTICSEARCH_BATCH_MAX_BYTES" in line["msg"]


def test_a_document_that_is_too_large(running, fake):
    """A single document that is too large is rejected like any other that cannot be stored."""
    fake.most = 0
    run = running()
    run.write(1, 2)
    run.settle()
    assert run.by("documents.rejected") == {"request_entity_too_large": 2}
    assert [letter["document"]["n"] for letter in run.dead()] == [1, 2]


def test_a_document_that_a_proxy_dislikes(running, fake):
    """A request that is refused as a whole, time and again while others pass, is divided until one document is left."""
    fake.dislikes = lambda document: document["n"] == 3
    run = running()
    run.write(*range(6))
    run.output.flush()
    at = 10
    while not run.by("documents.rejected"):
        assert at < 2000
        run.write(at)
        run.output.flush()
        gevent.sleep(0.005)
        at += 1
    run.settle()
    assert run.by("documents.rejected") == {"request_refused": 1}
    assert run.dead()[0]["document"]["n"] == 3
    assert numbers(fake) == [0, 1, 2, 4, 5, *range(10, at)]


# credentials


def test_a_password_that_is_corrected_at_the_server(running, fake):
    """Documents wait while the server does not know us, and go when it does; the reason names the options, not the secret."""
    fake.password = "other"
    run = running(USERNAME="elastic", PASSWORD="geheim")
    run.write(1)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    reason = run.output.state()["last_error"]
    assert "401" in reason
    assert "EF_OUTPUT_ELASTICSEARCH_USERNAME" in reason
    fake.password = "geheim"
    run.settle()
    assert numbers(fake) == [1]
    assert "geheim" not in run.stream.getvalue() + repr(run.output.state())


@pytest.mark.parametrize("name", ["PASSWORD", "API_KEY"])
def test_a_secret_that_is_corrected_in_its_file(running, fake, tmp_path, name):
    """A secret's file is read again after a refusal, so that a corrected one counts without a restart."""
    file = tmp_path / "secret"
    file.write_text("wrong\n")
    setattr(fake, name.lower(), "right")
    run = running(**{f"{name}_FILE": file})
    run.write(1)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    file.unlink()  # as editors do
    gevent.sleep(0.05)
    file.write_text("right\n")
    run.settle()
    assert numbers(fake) == [1]


def test_a_right_that_is_given_later(running, fake):
    """A user who may not write is told of, with what Elasticsearch says is missing, and tried again."""
    run = running()
    fake.fault("403")
    run.write(1)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    assert "create_doc" in run.output.state()["last_error"]
    fake.fault("")
    run.settle()


def test_who_may_write_but_not_ask(running, fake):
    """A user without the right to ask for the version can write."""
    fake.everywhere = True
    fake.fail("403")
    run = running()
    run.write(1)
    run.settle()
    assert numbers(fake) == [1]


def test_a_connection_that_comes_and_goes_does_not_flood_the_log(running, fake):
    """However often requests fail, a change is told of every ten seconds at most, each loss with its end."""
    run = running()
    fake.fail(*["503", ""] * 8)
    for number in range(8):
        run.write(number)
        run.settle()
    assert numbers(fake) == list(range(8))
    assert [line["msg"].split(";")[0] for line in run.lines()] == [
        "connected to Elasticsearch",
        "Elasticsearch takes no documents now",
        "connected to Elasticsearch",
    ]


# the installer


def test_the_server_is_made_ready_before_the_first_request(running, fake):
    """The installer has the client and the options, and no document is sent before it has succeeded."""
    calls = []

    def install(client, output, _log):
        calls.append((client.info()["version"]["number"], output.values["NAMESPACE"], len(fake.bulks)))
        if len(calls) < 3:
            raise SetupError("the cluster has no master")

    run = running(install=install)
    run.write(1)
    run.settle()
    assert calls == [("8.19.8", "default", 0)] * 3
    assert "the cluster has no master" in run.lines()[0]["reason"]


# bounds


def test_memory_is_bounded(running):
    """What comes when the queue is full is dropped and counted; what was there before is kept."""
    fake = Elasticsearch()
    with fake:
        pass
    run = running(fake=fake, memory_octets=2000)
    for number in range(200):
        run.write(number)
        run.output.flush()
    dropped = run.count("documents.dropped")
    assert 0 < dropped < 200
    assert run.by("documents.dropped_because") == {"queue_full": dropped}
    run.check()
    (line,) = [line for line in run.lines() if line["msg"] == "documents are dropped"]
    assert line["level"] == "error"
    with fake:
        run.settle()
        assert numbers(fake) == list(range(200 - dropped))


def test_close_sends_what_is_queued(running, fake):
    """At the end what was gathered is sent without waiting for its deadline."""
    run = running(BATCH_DEADLINE=60_000)
    run.write(1, 2, 3)
    run.output.close()
    assert numbers(fake) == [1, 2, 3]


def test_close_without_elasticsearch_is_quick(running):
    """When nobody listens at the end, one try tells: what waits is dropped and counted."""
    fake = Elasticsearch()
    with fake:
        pass
    run = running(fake=fake, RETRY_BACKOFF=60_000, close_s=15)
    run.write(1, 2, 3)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    with gevent.Timeout(5):
        run.output.close()
    assert run.by("documents.dropped_because") == {"stopped": 3}
    assert run.lines()[-1]["dropped"] == 3


def test_close_tries_once_more(running):
    """When Elasticsearch has come back since the last try, what waits is delivered at the end."""
    fake = Elasticsearch()
    with fake:
        pass
    run = running(fake=fake, RETRY_BACKOFF=600_000)
    run.write(1, 2, 3)
    run.wait(lambda: run.output.state()["state"] == "waiting")
    with fake:
        run.output.close()
        assert numbers(fake) == [1, 2, 3]


def test_close_does_not_wait_for_ever(running, fake):
    """A server that goes on refusing cannot hold up the end longer than the bound."""
    run = running(close_s=0.3)
    fake.fault("429")
    run.write(1, 2, 3)
    run.output.close()
    assert run.by("documents.dropped_because") == {"stopped": 3}


def test_a_bug_costs_one_request(running, fake):
    """A request on which the output fails is counted and told with its traceback; the next one is sent."""
    run = running()
    run.letters.append = lambda _: 1 // 0
    fake.fail("mapping")
    run.write(1)
    run.wait(lambda: run.counts["bugs"])
    run.write(2)
    run.settle()
    assert numbers(fake) == [2]
    assert any("ZeroDivisionError" in line.get("traceback", "") for line in run.lines())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from([*WHOLE, *TORN, "mapping", "busy", "no_template", "read_only", ""]), max_size=6),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_every_document_has_its_place(tmp_path, words, sizes):
    """Whatever goes wrong in whatever order: stored or rejected, each document once, and the counters say so."""
    with Elasticsearch() as fake:
        run = Running(tmp_path / "dead-letter", fake, BATCH_MAX_BYTES=2000)
        run.letters.path.unlink(missing_ok=True)
        fake.picks = lambda document: document["n"] % 3 == 0
        fake.fail(*words)
        at = 0
        for size in sizes:
            run.write(*range(at, at + size))
            at += size
        run.settle()
        kept = [letter["document"]["n"] for letter in run.dead()] if run.letters.path.exists() else []
        assert sorted(numbers(fake) + kept) == list(range(at))
        assert run.count("documents.delivered") + run.count("documents.delivered_before") == len(numbers(fake))
        run.end()


# made of options


def opened(tmp_path, **values):
    stream = io.StringIO()
    outputs = open_outputs(defaults(EF_STATE_PATH=tmp_path, **values), Counts(), Log(stream), lambda *_: True)
    for output in outputs:
        output._close_s = 0
        output.close()
    return outputs, [json.loads(line)["msg"] for line in stream.getvalue().splitlines()]


def test_outputs_by_name(tmp_path):
    """Each named output has its own options, counters, namespace and dead-letter file."""
    outputs, _ = opened(
        tmp_path,
        EF_DC1_OUTPUT_ELASTICSEARCH_ENABLE=True,
        EF_DC1_OUTPUT_ELASTICSEARCH_ADDRESSES="127.0.0.1:1",
        EF_DC1_OUTPUT_ELASTICSEARCH_NAMESPACE="one",
        EF_DC1_OUTPUT_ELASTICSEARCH_INDEX_SUFFIX="a",
        EF_DC2_OUTPUT_ELASTICSEARCH_ENABLE=True,
        EF_DC2_OUTPUT_ELASTICSEARCH_ADDRESSES="127.0.0.1:1",
        EF_DC2_OUTPUT_ELASTICSEARCH_DROP_FIELDS="flow",
        EF_DC2_OUTPUT_ELASTICSEARCH_TIMESTAMP_SOURCE="end",
    )
    assert [output.name for output in outputs] == ["elasticsearch.dc1", "elasticsearch.dc2"]
    assert [output.wanted for output in outputs] == [
        Wanted(namespace="one_a"),
        Wanted(("flow",), "end", "EF_DC2_OUTPUT_ELASTICSEARCH_DROP_FIELDS"),
    ]
    assert outputs[0]._account._letters.path == tmp_path / "dead-letter" / "elasticsearch.dc1.ndjson"


def test_without_flows_nothing_is_written(tmp_path):
    """An output that is not to have flows is not opened, and a line says so."""
    outputs, lines = opened(
        tmp_path,
        EF_OUTPUT_ELASTICSEARCH_ENABLE=True,
        EF_OUTPUT_ELASTICSEARCH_ALLOWED_RECORD_TYPES="telemetry,flow_option",
    )
    assert outputs == []
    assert any("EF_OUTPUT_ELASTICSEARCH_ALLOWED_RECORD_TYPES" in line for line in lines)


def test_a_place_for_dead_letters_is_needed():
    """Without a state directory there would be no place for what is rejected: the start ends."""
    with pytest.raises(ConfigError, match="EF_STATE_PATH"):
        opened("", EF_OUTPUT_ELASTICSEARCH_ENABLE=True)


def test_verification_that_is_off_is_said(tmp_path):
    """That any certificate is taken is worth a line at each start."""
    tls = {"EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE": True, "EF_OUTPUT_ELASTICSEARCH_TLS_SKIP_VERIFICATION": True}
    _, lines = opened(
        tmp_path, EF_OUTPUT_ELASTICSEARCH_ENABLE=True, EF_OUTPUT_ELASTICSEARCH_ADDRESSES="127.0.0.1:1", **tls
    )
    assert any("EF_OUTPUT_ELASTICSEARCH_TLS_SKIP_VERIFICATION" in line for line in lines)
