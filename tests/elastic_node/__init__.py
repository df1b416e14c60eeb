"""A real Elasticsearch node for tests, in a process of its own.

    def test_something(node):                    # the fixture: one node for the whole run, started when first asked for
        node.es.indices.create(index="mine")     # a client of the superuser, elasticsearch-py
        with node.client(api_key=key) as es:     # one of somebody else
            ...
        options = [f"EF_OUTPUT_ELASTICSEARCH_ADDRESSES={node.address}", ...]   # node.user, node.password

The node is shared by all tests and nothing is cleared between them: a test works in a namespace or under index names
of its own. One that stops, restarts or reconfigures a node makes its own:

    with Node() as node:                         # a folder and a port; nothing runs yet
        node.start()
        node.kill()                              # SIGKILL; stop() ends it cleanly
        node.start()                             # the same data, the same port

It is Elasticsearch 8.19 with security on and a trial licence, unpacked from an artifact on Maven Central (pom.xml), and
then kept in a cache: the folder that FLOWCOLL_TEST_CACHE names, else /var/cache/flowcoll-tests for root and
~/.cache/flowcoll-tests for everybody else.

What is real: server, security with roles and API keys, TLS, data streams made by a first document, index and component
templates with their `lifecycle`, logsdb, ingest pipelines with Painless, all searches and aggregations, KQL queries.

What is a stand-in (StandInPlugin.java): its answers carry the header X-Stand-In.

- ILM policies are parsed and checked by Elastic's own classes, stored, and never executed.
- ML jobs and datafeeds likewise; they are forgotten when the node stops.
- `PUT`, `GET` and `DELETE /_data_stream/<name>`; data streams themselves are real.
- The REST calls of ILM and ML ask for no privileges: who may make them cannot be tested here.
- The field types constant_keyword, wildcard, version, match_only_text, unsigned_long and scaled_float are accepted and
  are keyword, text, long or double within; so a constant_keyword is not constant here.
"""

from elastic_node.certificates import Authority, Identity
from elastic_node.node import Node

__all__ = ["Authority", "Identity", "Node"]
