"""docs/fields.md, from the table of document fields."""

from itertools import groupby

from flowcoll.document.fields import Field, load

_HEAD = """<!-- generated from the table of document fields; `python -m flowcoll.generate` writes it anew -->
# Document fields

One flow record gives one document. Its fields are those of the Elastic Common Schema (ECS) wherever ECS has one; the others
are ours. A field is there when the exporter sends what it needs, or when the enrichment that gives it is switched on; a value
that says "unknown" on the wire (AS 0, interface 0, next hop 0.0.0.0) gives no field.

- `source` and `destination` are the two ends as the exporter names them; `client` and `server` are the same two ends by who
  asked whom, with `flow.client_server.source` telling why. The latter show less of an address.
- Octets and packets are corrected for sampling unless `EF_PROCESSOR_SAMPLING_CORRECT` is off; `flow.sampling.rate` is the
  factor.
- A private address has neither a place nor an autonomous system, and never matches a threat list.
- Fields can be left out of all outputs (`EF_PROCESSOR_DROP_FIELDS`) or of one (`EF_OUTPUT_..._DROP_FIELDS`), by path, by
  CODEX name, or as a whole object: `source.geo`.

The column *CODEX* is the name of the same value in ElastiFlow's CODEX schema. The column *Search* tells how Elasticsearch
finds a value: *fast*, by an index of its own; or *among others*, by reading every document that the rest of the search has
found, which suits what is counted, sorted and shown rather than looked for.
"""


def fields_page() -> str:
    """Give docs/fields.md."""
    parts = [_HEAD]
    fields = sorted(load(), key=lambda field: (_section(field), field.path))
    for section, some in groupby(fields, key=_section):
        parts.append(f"\n## {section}\n\n| Field | Type | Search | Meaning | CODEX |\n|---|---|---|---|---|\n")
        parts += [
            f"| `{f.path}` | {f.type} | {_SEARCH[f.storage]} | {f.text} | {f'`{f.codex}`' if f.codex else ''} |\n"
            for f in some
        ]
    return "".join(parts)


_SEARCH = {"": "fast", "doc_values": "among others", "source": "not at all"}


def _section(field: Field) -> str:
    head, dot, _ = field.path.partition(".")
    return head if dot else "Base"
