"""Tests of the Elasticsearch output that need a process patched for gevent; run by test_run_elasticsearch.py."""

import time
from collections.abc import Iterator

import gevent
import pytest

from fakes.elasticsearch import Elasticsearch
from running_output import Running


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
