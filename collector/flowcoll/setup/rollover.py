"""Whether a data stream's newest index is what the templates would make today; templates count from the next one on."""

from collections.abc import Mapping
from typing import Any

from elasticsearch import Elasticsearch, NotFoundError

from flowcoll.setup.plan import flat, plain
from flowcoll.setup.target import Target


def outdated(client: Elasticsearch, target: Target, *, pending: bool = False) -> bool:
    """Say whether the index that documents go to was made by other templates than those of today.

    With templates that are still to be changed, it is whenever there is one.
    """
    if target.dated:
        return False
    try:
        found = client.indices.get_data_stream(name=target.written)["data_streams"]
    except NotFoundError:
        return False
    if pending:
        return True
    index = found[0]["indices"][-1]["index_name"]
    would = client.indices.simulate_index_template(name=target.written)["template"]
    mappings = client.indices.get_mapping(index=index)[index]["mappings"]
    settings = client.indices.get_settings(index=index)[index]["settings"]
    return differs(would, {"mappings": mappings, "settings": settings})


def differs(would: Mapping[str, Any], index: Mapping[str, Any]) -> bool:
    """Compare what templates would make with an index, which has settings besides, and constants it has learnt."""
    settings = flat(index["settings"])
    same = all(settings.get(name) == value for name, value in flat(would["settings"]).items())
    return not same or _constants_aside(would["mappings"]) != _constants_aside(index["mappings"])


def _constants_aside(mapping: Any) -> Any:
    mapping = plain(mapping)
    if not isinstance(mapping, Mapping):
        return mapping
    kept = {key: _constants_aside(value) for key, value in mapping.items()}
    if kept.get("type") == "constant_keyword":
        kept.pop("value", None)
    return kept
