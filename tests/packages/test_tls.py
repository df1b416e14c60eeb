"""TLS of the installed collector: what counts is the Python that it brings, not that of the tests."""

import ssl
from pathlib import Path

import pytest

from building import Built
from elastic_node.certificates import Chain, chain
from exporters import softflowd
from fakes.elasticsearch import Elasticsearch
from hosts import Host
from installed import Installed
from traffic import truth, volumes

CA = "/etc/flowcoll/ca.pem"


def serving(made: Chain, folder: Path) -> Elasticsearch:
    """Make a server that shows the first and second of a chain."""
    shown = folder / "shown.pem"
    shown.write_bytes(made.own.certificate.read_bytes() + made.middle.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, made.own.key)
    return Elasticsearch(tls=context)


@pytest.mark.stack
@pytest.mark.usefixtures("hosts")
def test_a_private_authority(debs: Built, traffic: Path, tmp_path: Path) -> None:
    """Documents go to the server of an authority made by hand once its file is named, and not before."""
    made = chain(tmp_path, "127.0.0.1")
    with Host("bookworm") as host, serving(made, tmp_path) as fake:
        host.put(debs.now, "/tmp/now.deb")
        host.run("dpkg", "--install", "/tmp/now.deb")
        host.put(made.root, CA)
        options = {
            "EF_OUTPUT_ELASTICSEARCH_ENABLE": True,
            "EF_OUTPUT_ELASTICSEARCH_ADDRESSES": fake.address,
            "EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE": True,
            "EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_ENABLE": False,
        }
        with Installed(host, tmp_path, **options) as running:
            softflowd(traffic, running.port, tmp_path, "-v", "9")
            running.until("refused", lambda: "EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH" in running.log())
        assert not fake.stored
        options["EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH"] = CA
        with Installed(host, tmp_path, **options) as running:
            running.until("delivered", lambda: volumes(fake.documents()) == truth(traffic))
