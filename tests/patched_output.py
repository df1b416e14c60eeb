"""Tests of the Elasticsearch output that need a process patched for gevent; run by test_run_elasticsearch.py."""

import time
from collections.abc import Iterator
from functools import partial

import gevent
import pytest

from fakes.elasticsearch import Elasticsearch
from flowcoll.elastic import connect
from flowcoll.output.session import Means
from running_output import Running, Spooling


@pytest.fixture
def fake() -> Iterator[Elasticsearch]:
    with Elasticsearch() as made:
        yield made


def test_an_answer_octet_by_octet(fake, tmp_path):
    """An answer that never ends is given up after a time, and the request is sent again."""
    run = Running(tmp_path, fake, answer_s=0.5)
    fake.fail("trickle")
    run.write(1)
    run.wait(lambda: run.by("requests.failed"))
    assert run.by("requests.failed") == {"timeout": 1}
    run.settle()
    assert run.count("documents.delivered") == 1
    run.end()


def test_several_requests_are_under_way(fake, tmp_path):
    """While one request waits for its answer others are sent, up to a bound; each document is stored once."""
    run = Running(tmp_path, fake, BATCH_MAX_BYTES=2000)
    fake.fault("stop")
    run.write(*range(400))
    run.wait(lambda: len(fake.bulks) == 4)
    gevent.sleep(0.2)
    assert len(fake.bulks) == 4
    fake.fault("")
    fake.go_on.set()
    run.settle()
    assert [document["n"] for document in fake.documents()] == list(range(400))
    run.end()


def test_the_hub_goes_on_while_a_server_is_slow(fake, tmp_path):
    """Nothing that the output does holds up the hub: connecting, sending, waiting for an answer."""
    run = Running(tmp_path, fake)
    fake.fault("stop")
    run.write(*range(100))
    run.wait(lambda: fake.bulks)
    longest, before = 0.0, time.monotonic()
    for _ in range(100):
        gevent.sleep(0.001)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert longest < 0.5
    fake.fault("")
    fake.go_on.set()
    run.settle()
    run.end()


def test_requests_that_hang_do_not_keep_others_in_memory(fake, tmp_path):
    """While no request is answered, what waits to be sent goes to disk, and what was sent does when its time is over."""
    run = Spooling(
        tmp_path, fake, BATCH_MAX_BYTES=200, means=Means(partial(connect, request_timeout_s=2)), MAX_RETRIES=0
    )
    fake.fault("stop")
    run.write(*range(100))
    run.output.flush()
    run.wait(lambda: run.state("queued_documents") < 20)
    assert not run.by("requests.failed")
    run.wait(lambda: run.state("spooled_documents") == 100)
    fake.fault("")
    fake.go_on.set()
    run.settle()
    assert [document["n"] for document in fake.documents()] == list(range(100))
    run.end()


def test_the_end_while_requests_hang(fake, tmp_path):
    """What is under way at the end goes to disk; when it turns out to be stored it was delivered before."""
    run = Spooling(tmp_path, fake, patience_s=60, BATCH_MAX_BYTES=200)
    run.write(1000)
    run.settle()
    fake.fault("stop")
    run.write(*range(10))
    run.wait(lambda: len(fake.bulks) == 5)
    run.output.close()
    run.check()
    assert run.count("documents.spooled") == 10
    fake.fault("")
    fake.go_on.set()
    run.wait(lambda: len(fake.stored) > 1)
    again = Spooling(tmp_path, fake)
    again.settle()
    assert len(fake.stored) == 11
    assert again.count("documents.delivered_before") > 0
    assert again.count("documents.perhaps_twice") == 0
    again.end()


def test_what_comes_now_goes_first(fake, tmp_path):
    """While a spool is being sent what comes now does not wait for it, and the spool gets its share all the same."""
    run = Spooling(tmp_path, fake, BATCH_MAX_BYTES=500, patience_s=0.5, limit=1 << 24)
    fake.stop()
    run.write(*range(600))
    run.output.flush()
    run.wait(lambda: run.state("spooled_documents") == 600)
    fake.delay_s = 0.01
    fake.start()
    run.wait(lambda: run.count("documents.replayed"))
    waited = []
    for number in range(10_000, 10_010):
        began = time.monotonic()
        run.write(number)
        run.output.flush()
        run.wait(lambda n=number: any(document["n"] == n for document in fake.documents()))
        waited.append(time.monotonic() - began)
    assert sorted(waited)[5] < 0.2
    replayed = run.count("documents.replayed")
    while run.count("documents.replayed") < replayed + 30:  # more than it takes
        if run.output._queue.waiting < 50:
            run.write(*range(20_000, 20_008))
        gevent.sleep(0.001)
    fake.delay_s = 0
    run.settle()
    run.end()
