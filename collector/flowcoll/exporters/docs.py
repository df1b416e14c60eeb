"""docs/exporters.md, from the table of what templates lack."""

from flowcoll.exporters.lacks import LACKS, Part

_HEAD = """<!-- generated from the table of what templates lack; `python -m flowcoll.generate` writes it anew -->
# Exporters

`flowcoll exporters` shows who sends, what is lost on the way, and what flows could tell if their exporter said it. It asks
the running collector; if none answers, it reads what is kept in the state directory, which holds templates and sampling
rates but no counts. The state directory is only read.

```
flowcoll exporters                        all of them, the busiest first
flowcoll exporters 192.0.2.0/24           those of a network
flowcoll exporters --sort loss            who loses most first; also: address
flowcoll exporters --advice               with what to configure on a Cisco router (Flexible NetFlow)
flowcoll exporters --json                 for scripts
flowcoll exporters --api http://192.0.2.1:8080
```

The collector is found by the options of `flowcoll run` (`EF_API_IP`, `EF_API_PORT`, and those of TLS and of the password). With
`--api` a user name and a password are taken from `.netrc`. The exit code is 1 when neither collector nor state directory
can be had. `/exporters` of the API gives the same JSON.

## Columns

There is a line for each domain of each exporter: an engine of NetFlow v5, a source id of NetFlow v9, an observation domain of
IPFIX, a sub-agent of sFlow (with the agent's address, where it is another).

| Column | Meaning |
|---|---|
| templ. | Templates for flows, then those for options data: `3+2`. |
| flows/s | Of about the last ten seconds. |
| lost | What is missing by the exporter's sequence numbers, and what part of all that is: records of NetFlow v5 and IPFIX, datagrams of NetFlow v9 and sFlow. What came late after all is not lost; numbers that begin anew are a restart. With `EF_FLOW_SERVER_STEERING=off` several workers may hear one exporter, and the numbers then make no sense. |
| sampling | The rate, and who says it: `header`, `options` (options data), `record` (each flow), or not said. |
| clock | How far the exporter's clock is ahead (`+`) or behind (`-`), by the quickest datagram of the last minute or two. NetFlow v9 and IPFIX send whole seconds, so up to one second is `right`. sFlow sends no time. |
| waits | Data sets that wait for their template. |
| heard, used | How long ago the exporter was heard; of what was kept, how long ago a template was used. |

At most 10,000 exporters are shown, the most active ones; it is said how many others there are.

## What templates can lack

What no template of an exporter has is listed; what only some lack is listed with the numbers of these. Templates that no data
has used do not count, unless none has been used. sFlow has no templates: its samples hold the packet's own header.

One element of each group suffices. Times since the exporter's start (`flowStartSysUpTime`) need nothing else in NetFlow v9,
whose header says when that was.

| Lacking | Elements | Costs | Cisco Flexible NetFlow |
|---|---|---|---|
"""

_TAIL = """
## Live rates

`flowcoll top` shows on a terminal what comes in, what is refused and why, where documents go, what the workers take, and who
sends most. It looks every two seconds (`--interval`), goes on while the collector is away, and ends with `q`.
`flowcoll top --once` prints the rates of one interval, with `--json` for scripts.
"""


def page() -> str:
    """Give docs/exporters.md."""
    rows = [
        f"| {lack.words} | {'; and '.join(map(_group, lack.parts))} | {lack.cost} | {_lines(lack.cisco)} |\n"
        for lack in LACKS
    ]
    return "".join((_HEAD, *rows, _TAIL))


def _group(part: Part) -> str:
    return " or ".join(f"`{each.replace(' ', '` with `')}`" for each in part.alternatives)


def _lines(cisco: str) -> str:
    line, _, where = cisco.partition(" (")
    return ", ".join(f"`{each}`" for each in line.split(", ")) + (f" ({where}" if where else "")
