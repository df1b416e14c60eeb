import gzip
import ssl
import warnings
from base64 import b64encode
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from elastic_node.certificates import Authority, chain
from fakes.elasticsearch import Elasticsearch
from flowcoll.elastic import connect
from flowcoll.errors import ConfigError
from running_output import options
from test_elastic_errors import failure

BULK = {"accept": "application/json", "content-type": "application/x-ndjson", "content-encoding": "gzip"}
TLS = {"TLS_ENABLE": True}


@pytest.fixture
def fake() -> Iterator[Elasticsearch]:
    with Elasticsearch() as made:
        yield made


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def serving(authority) -> Iterator:
    """Make a server that shows a certificate for some names, and may ask for one."""
    made = []

    def serve(*hosts, ask=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # the least that every Python asks of a client
        context.load_cert_chain(*map(str, authority.issue("server", *hosts)))
        if ask:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(str(ask))
        made.append(Elasticsearch(tls=context).start())
        return made[-1]

    yield serve
    for one in made:
        one.stop()


# connecting


def test_bytes_pass_untouched(fake):
    """A body that is packed already arrives as it is."""
    document = '{"@timestamp":"2026-11-21T22:54:27.123Z","n":1}'
    body = gzip.compress(f'{{"create":{{"_index":"i","_id":"1"}}}}\n{document}\n'.encode())
    client = connect(options(ADDRESSES=fake.address))
    answer = client.perform_request("POST", "/_bulk", headers=BULK, body=body)
    assert not answer.body["errors"]
    (bulk,) = fake.bulks
    assert bulk.headers["Content-Length"] == str(len(body))
    assert bulk.headers["x-opaque-id"] == "flowcoll"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"errors":false,"took":3,"items":[{"create":{"status":201}},', {"errors": False}),
        (b'{"took":3,"errors":false,"ingest_took":1,"items":[{"create":{"status":201}},', {"errors": False}),
        (b'{"errors":true,"took":3,"items":[]}', {"errors": True, "took": 3, "items": []}),
        (b'{"errors":false,"took":3,"items":[]}', {"errors": False, "took": 3, "items": []}),
        (
            b'{"errors":false,"took":3,"items":[{"create":{"_id":"1","status":201}}]}',
            {"errors": False, "took": 3, "items": [{"create": {"_id": "1", "status": 201}}]},
        ),
    ],
)
def test_a_long_answer_without_errors_is_not_read(text, expected):
    """Of an answer that says of each document that it is stored only the beginning counts; any other is read in full."""
    client = connect(options())
    kind = "application/vnd.elasticsearch+json;compatible-with=8"
    assert client.transport.serializers.loads(text, kind) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "Basic " + b64encode(b"elastic:changeme").decode()),
        ({"USERNAME": "jörg", "PASSWORD": "a:ß "}, "Basic " + b64encode("jörg:a:ß ".encode()).decode()),
        ({"API_KEY": "YTpi", "PASSWORD": "x"}, "ApiKey YTpi"),
        ({"API_KEY": "a:b"}, "ApiKey " + b64encode(b"a:b").decode()),
        ({"USERNAME": ""}, None),
    ],
)
def test_who_we_are(fake, values, expected):
    """An API key wins over user and password; without a user nobody is named."""
    connect(options(ADDRESSES=fake.address, **values)).info()
    assert fake.authorizations == [expected]


def test_nodes_are_asked_in_turn(fake):
    """Requests go to each of the addresses; one that is given twice is one node."""
    with Elasticsearch() as other:
        client = connect(options(ADDRESSES=f"{fake.address},{other.address},{fake.address}"))
        for _ in range(6):
            client.info()
        assert (fake.asked, other.asked) == (3, 3)


def test_an_ipv6_address():
    """An address in brackets is one."""
    (node,) = connect(options(ADDRESSES="[::1]:9200")).transport.node_pool.all()
    assert (node.host, node.port) == ("::1", 9200)


def test_a_cloud_id():
    """A cloud id wins over addresses, and is spoken to over TLS."""
    text = b64encode(b"eu.example.org:9243$c0ffee$badcab1e").decode()
    (node,) = connect(options(CLOUD_ID=f"mine:{text}")).transport.node_pool.all()
    assert node.base_url == "https://c0ffee.eu.example.org:9243"


@pytest.mark.parametrize("text", ["mine", "mine:====", "mine:" + b64encode(b"eu.example.org").decode()])
def test_a_cloud_id_that_is_none(text):
    """What is no cloud id ends the start with the option's name."""
    with pytest.raises(ConfigError, match=r"^EF_OUTPUT_ELASTICSEARCH_CLOUD_ID "):
        connect(options(CLOUD_ID=text))


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nline"])
def test_an_api_key_that_is_none(key):
    """What cannot be an API key ends the start, and is not shown."""
    with pytest.raises(ConfigError, match=r"^EF_OUTPUT_ELASTICSEARCH_API_KEY ") as caught:
        connect(options(API_KEY=key))
    assert key not in str(caught.value)


def test_making_a_client_asks_nobody(fake):
    """Nothing is sent before the first request."""
    connect(options(ADDRESSES=fake.address))
    assert fake.asked == 0


# TLS


def test_a_private_authority(serving, authority):
    """A server is trusted by the authority that is named, and by no other."""
    fake = serving("127.0.0.1", "localhost")
    client = connect(options(ADDRESSES=fake.address, TLS_CA_CERT_FILEPATH=authority.certificate, **TLS))
    assert client.info()["tagline"] == "You Know, for Search"
    reason = failure(connect(options(ADDRESSES=fake.address, **TLS)))
    assert "EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH" in reason


def test_a_certificate_for_another_name(serving, authority):
    """A server that shows a certificate for another name is not trusted, and the reason says which name was looked for."""
    fake = serving("es.example.org")
    reason = failure(connect(options(ADDRESSES=fake.address, TLS_CA_CERT_FILEPATH=authority.certificate, **TLS)))
    assert "127.0.0.1" in reason
    assert "EF_OUTPUT_ELASTICSEARCH_ADDRESSES" in reason


def test_any_certificate_when_told_so(serving):
    """With verification off any certificate is taken, and no library warns of it with each request."""
    fake = serving("es.example.org")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        client = connect(options(ADDRESSES=fake.address, TLS_SKIP_VERIFICATION=True, **TLS))
        client.info()
        client.info()
    assert seen == []


def test_our_own_certificate(serving, authority):
    """A server that asks for a certificate gets ours; without one the reason names the option."""
    fake = serving("127.0.0.1", ask=authority.certificate)
    own = authority.issue("flowcoll")
    trusting = {"ADDRESSES": fake.address, "TLS_CA_CERT_FILEPATH": authority.certificate, **TLS}
    client = connect(options(CLIENT_CERT_FILEPATH=own.certificate, CLIENT_KEY_FILEPATH=own.key, **trusting))
    assert client.info()["cluster_name"] == "test"
    reason = failure(connect(options(**trusting)))
    assert "EF_OUTPUT_ELASTICSEARCH_CLIENT_CERT_FILEPATH" in reason


def test_a_chain_of_our_own(serving, authority, tmp_path):
    """The certificate of the authority behind ours is shown too, for a server that knows only the one above it."""
    root, middle, own = chain(tmp_path)
    fake = serving("127.0.0.1", ask=root)
    values = {
        "ADDRESSES": fake.address,
        "TLS_CA_CERT_FILEPATH": authority.certificate,
        "CLIENT_CERT_FILEPATH": own.certificate,
        "CLIENT_KEY_FILEPATH": own.key,
        **TLS,
    }
    client = connect(options(CLIENT_CA_CERT_FILEPATH=middle, **values))
    assert client.info()["cluster_name"] == "test"
    assert "EF_OUTPUT_ELASTICSEARCH_CLIENT_C" in failure(connect(options(**values)))


def locked(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    locked = tmp_path / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")))
    return locked


def test_certificates_that_cannot_be_used(tmp_path, authority):
    """A file that is missing, is none, does not belong to the other, or is locked is a ConfigError that names option and file."""
    text = tmp_path / "text.pem"
    text.write_text("this is no certificate")
    own, other = authority.issue("one"), authority.issue("two")
    cases = {
        "TLS_CA_CERT_FILEPATH": [{"TLS_CA_CERT_FILEPATH": path} for path in (text, tmp_path / "missing")],
        "CLIENT_CERT_FILEPATH": [
            {"CLIENT_CERT_FILEPATH": tmp_path / "missing"},
            {"CLIENT_CERT_FILEPATH": text, "CLIENT_KEY_FILEPATH": own.key},
            {"CLIENT_CERT_FILEPATH": own.certificate, "CLIENT_KEY_FILEPATH": other.key},
            {"CLIENT_CERT_FILEPATH": own.certificate, "CLIENT_KEY_FILEPATH": locked(tmp_path)},
            {"CLIENT_CERT_FILEPATH": own.certificate},
        ],
        "CLIENT_KEY_FILEPATH": [{"CLIENT_CERT_FILEPATH": own.certificate, "CLIENT_KEY_FILEPATH": tmp_path / "missing"}],
        "CLIENT_CA_CERT_FILEPATH": [
            {"CLIENT_CERT_FILEPATH": own.certificate, "CLIENT_CA_CERT_FILEPATH": tmp_path / "missing"}
        ],
    }
    for name, given in cases.items():
        for values in given:
            with pytest.raises(ConfigError, match=f"^EF_OUTPUT_ELASTICSEARCH_{name} = /") as caught:
                connect(options(**TLS, **values))
            assert "\n" not in str(caught.value)
