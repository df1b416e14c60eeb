"""How things are read and written over HTTP: by us, and by people who paste requests into Kibana or a shell."""

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from flowcoll.errors import SetupError
from flowcoll.setup.plan import Body, Kind, Thing


class Request(NamedTuple):
    """One request with a JSON body."""

    method: str
    path: str
    body: Body

    def console(self) -> str:
        """Give it as Kibana's console takes it."""
        return f"{self.method} {self.path}\n{json.dumps(self.body, indent=2)}\n"

    def curl(self, url: str, extra: str) -> str:
        """Give it as a line for a shell; `extra` holds more options of curl."""
        body = shlex.quote(json.dumps(self.body))
        return f"curl {extra} -X {self.method} {url}{self.path} -H 'Content-Type: application/json' -d {body}\n"


_PLACES: Mapping[Kind, str] = {
    "lifecycle policy": "/_ilm/policy",
    "component template": "/_component_template",
    "index template": "/_index_template",
}


def path(thing: Thing) -> str:
    """Give where a thing is read and written."""
    return f"{_PLACES[thing.kind]}/{thing.name}"


def put(thing: Thing, body: Body) -> Request:
    """Give the request that writes a thing."""
    return Request("PUT", path(thing), {"policy": body} if thing.kind == "lifecycle policy" else body)


def body_of(thing: Thing, answer: Mapping[str, Any]) -> Body:
    """Give the body of a thing out of the server's answer to its GET; SetupError for an answer that has none."""
    body: Body
    try:
        match thing.kind:
            case "lifecycle policy":
                body = answer[thing.name]["policy"]
            case "component template":
                body = answer["component_templates"][0]["component_template"]
            case "index template":
                body = answer["index_templates"][0]["index_template"]
    except (KeyError, IndexError, TypeError):
        raise SetupError(f"the answer to GET {path(thing)} holds no {thing.kind}; is that Elasticsearch?") from None
    return body
