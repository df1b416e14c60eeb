"""Whom clients trust: the same on every Python that the collector runs on."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

import flowcoll
from elastic_node.certificates import chain
from flowcoll import trust

HOST = "es.example.org"


def shaken(client: ssl.SSLContext, shown: list[Path], key: Path, host: str = HOST) -> bool:
    """Have a client shake hands with a server that shows these certificates, in memory; SSLError when it refuses."""
    pem = shown[0].with_name("shown.pem")
    pem.write_bytes(b"".join(path.read_bytes() for path in shown))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there, server_hostname=host), server.wrap_bio(there, back, server_side=True)]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
    return True


def test_an_authority_that_says_little(tmp_path):
    """A private authority is trusted whose certificates hold no key usage and no key identifiers."""
    made = chain(tmp_path, HOST)
    assert shaken(trust.context(made.root), [made.own.certificate, made.middle], made.own.key)


@pytest.mark.parametrize("named", ["middle", "own"])
def test_what_is_named_is_trusted(tmp_path, named):
    """It need not be the authority at the top: the one that issued the certificate will do, and the certificate itself."""
    made = chain(tmp_path, HOST)
    assert shaken(trust.context(tmp_path / f"{named}.pem"), [made.own.certificate], made.own.key)


def test_who_is_not_trusted(tmp_path):
    """Another authority's certificate, another name, an end that has passed: each is refused, unless nothing is verified."""
    folders = [tmp_path / name for name in ("made", "other", "past")]
    for folder in folders:
        folder.mkdir()
    made, other, past = (
        chain(folder, HOST, valid=timedelta(days=days)) for folder, days in zip(folders, (1, 1, -1), strict=True)
    )
    refused = [
        (trust.context(other.root), made, HOST, "signature failure"),
        (trust.context(), made, HOST, "self-signed|unable to get"),
        (trust.context(made.root), made, "kibana.example.org", "Hostname mismatch"),
        (trust.context(past.root), past, HOST, "expired"),
    ]
    for context, shown, host, reason in refused:
        certificates = [shown.own.certificate, shown.middle]
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            shaken(context, certificates, shown.own.key, host)
        assert shaken(trust.context(verify=False), certificates, shown.own.key, host)


def test_a_file_that_is_none(tmp_path):
    """What is no file of certificates is an OSError, an empty one too."""
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with pytest.raises(OSError):  # noqa: PT011  an SSLError is one, and says it in OpenSSL's words
            trust.context(tmp_path / name)


def test_it_is_decided_once():
    """No other module makes what a client trusts with."""
    package = Path(flowcoll.__file__).parent
    made = [path for path in package.rglob("*.py") if "create_default_context" in path.read_text()]
    assert made == [package / "trust.py"]
