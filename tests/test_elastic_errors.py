import socket
import struct
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest
from elastic_transport import ApiError, TransportError

from fakes.elasticsearch import SAID, Elasticsearch
from flowcoll.elastic import connect
from flowcoll.elastic_errors import category, uncertain, why
from running_output import options

TLS = {"TLS_ENABLE": True}


@pytest.fixture
def fake() -> Iterator[Elasticsearch]:
    with Elasticsearch() as made:
        yield made


def error(client):
    with pytest.raises((ApiError, TransportError)) as caught:
        client.info()
    return caught.value


def failure(client):
    return why(error(client))


def test_why_nobody_listens(fake):
    """A refused connection names the address."""
    fake.stop()
    assert (
        failure(connect(options(ADDRESSES=fake.address)))
        == f"no connection to http://{fake.address}: Connection refused"
    )
    fake.start()


def test_why_a_name_is_unknown():
    """A name without an address is said with the name."""
    reason = failure(connect(options(ADDRESSES="nowhere.invalid:9200")))
    assert reason.startswith("no connection to http://nowhere.invalid:9200: ")
    assert "resol" in reason or "Name or service not known" in reason


def test_why_there_is_no_answer():
    """A server that does not answer is named."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert (
            failure(connect(options(ADDRESSES=address), request_timeout_s=0.1))
            == f"no answer in time from http://{address}"
        )


def test_why_tls_to_a_plain_port(fake):
    """TLS spoken to a port without TLS names the option."""
    reason = failure(connect(options(ADDRESSES=fake.address, **TLS)))
    assert reason.startswith(f"TLS to https://{fake.address} failed: ")
    assert "EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE" in reason


@pytest.mark.parametrize("abort", [True, False], ids=["reset", "closed"])
def test_why_a_plain_request_to_a_tls_port(abort):
    """A port that closes the connection at once, as Elasticsearch does with TLS on, names the option."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            connection, _ = server.accept()
            if abort:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.recv(1000)
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        reason = failure(connect(options(ADDRESSES=f"127.0.0.1:{server.getsockname()[1]}")))
        thread.join()
    assert "it closed the connection" in reason
    assert "EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE" in reason


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("401", "EF_OUTPUT_ELASTICSEARCH_USERNAME and _PASSWORD, or _API_KEY"),
        ("403", "this action is granted by the index privileges [create_doc"),
        ("429", "es_rejected_execution_exception"),
        ("502", "status 502"),
        ("503", "state not recovered"),
        ("413", "too large"),
    ],
)
def test_why_a_request_is_refused(fake, word, said):
    """What Elasticsearch says is said, and for what a person can mend, where."""
    fake.everywhere = True
    fake.fail(word)
    reason = failure(connect(options(ADDRESSES=fake.address)))
    assert word in reason
    assert said in reason
    assert len(reason) <= 400


def test_why_it_is_something_else(fake):
    """A server that is not Elasticsearch, and an answer that nobody can read, point to the addresses."""
    fake.everywhere = True
    fake.fail("stranger")
    assert "EF_OUTPUT_ELASTICSEARCH_ADDRESSES" in failure(connect(options(ADDRESSES=fake.address)))


def test_why_is_one_line_without_secrets(fake):
    """However the error came about, the password is not in it."""
    fake.password = "other"
    client = connect(options(ADDRESSES=fake.address, PASSWORD="geheim"))
    with pytest.raises(ApiError) as caught:
        client.info()
    basic = b64encode(b"elastic:geheim").decode()
    told = why(caught.value) + str(caught.value) + repr(client.transport)
    assert "geheim" not in told
    assert basic not in told
    assert "\n" not in why(caught.value)
    assert why(ValueError("a\nb")) == "a b"
    assert why(KeyError()) == "KeyError"
    assert SAID["whole"]["401"]["error"]["reason"].startswith("unable to authenticate")


def test_a_request_that_did_not_get_there_was_not_carried_out(fake):
    """Nobody listens, or there is no such name: that is certain."""
    fake.stop()
    refused = error(connect(options(ADDRESSES=fake.address)))
    unknown = error(connect(options(ADDRESSES="nowhere.invalid:9200")))
    fake.start()
    assert [category(refused), category(unknown)] == ["connection"] * 2
    assert not uncertain(refused)
    assert not uncertain(unknown)


@pytest.mark.parametrize(
    ("word", "doubt"), [("401", False), ("403", False), ("429", False), ("502", True), ("503", True)]
)
def test_what_was_refused_was_not_carried_out(fake, word, doubt):
    """What a server says of us or of its room is certain; what it says of those behind it is not."""
    fake.everywhere = True
    fake.fail(word)
    refused = error(connect(options(ADDRESSES=fake.address)))
    assert category(refused) == word
    assert uncertain(refused) == doubt


def test_without_an_answer_nothing_is_certain():
    """What was sent may have been carried out, whether the connection ends or nothing comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(options(ADDRESSES=f"127.0.0.1:{silent.getsockname()[1]}"), request_timeout_s=0.3)
        late = error(client)
        silent.accept()[0].close()

        def close_next():
            silent.accept()[0].close()

        closing = threading.Thread(target=close_next)
        closing.start()
        closed = error(client)
        closing.join()
    assert (category(late), uncertain(late)) == ("timeout", True)
    assert (category(closed), uncertain(closed)) == ("connection", True)
