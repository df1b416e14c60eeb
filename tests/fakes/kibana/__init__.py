"""A stand-in for Kibana: the HTTP API that installing, checking and removing assets needs, with what makes it hard.

In a test, `with Kibana("8.19") as fake:` serves on free ports of 127.0.0.1 until the block ends. `fake.url` is Kibana's
address (its base path included), `fake.cluster.url` that of the Elasticsearch beside it: licence, machine learning and
documents by id. As a command, `python -m fakes.kibana` (in tests/) serves until it is ended.

What it holds is in `fake.store` (saved objects by space), `fake.spaces`, `fake.rules`, `fake.cluster.jobs`; who asked
what, without secrets, in `fake.requests`. What goes wrong is said in three ways:

    Kibana("8.13", licence="basic", base_path="/kibana", tls=context, security=False, starting=2, limit_octets=1000)
    fake.licence = "trial"                          the same names are attributes that may change between requests
    fake.fail("502", "reset", on="POST .*_import")  each of the next requests that fit has a fault; see faults.FAULTS

The contract was recorded from real servers, read in Kibana's source, or is public documentation. What is only believed
is called so in the docstring of the function that does it.
"""

from fakes.kibana.cluster import Cluster
from fakes.kibana.messages import Answer, Request
from fakes.kibana.server import Kibana
from fakes.kibana.serving import Account

__all__ = ["Account", "Answer", "Cluster", "Kibana", "Request"]
