"""What `flowcoll threats explain` says: what is compared, what comes of it, how it stands, and what to do next."""

from collections.abc import Iterator

from flowcoll.threat.showing.present import Present

COMPARED = """\
Both addresses of every flow are compared with every list that is switched on. Private and reserved addresses never
match, whatever a list says. Of one list the most specific entry counts: the longest prefix, or the smallest range.
Every list has its say. Addresses that an include/exclude file or a false-positive list covers do not match."""

FIELDS = (
    ("threat.enrichments", "one entry for each list that names an address: what it says, and which field matched"),
    ("sec.threat.name", "what the lists say of any address of the flow"),
    ("sec.threat.feed.name", "the lists that say it"),
    ("sec.threat.ip.addr", "the addresses that are listed"),
    ("flow.src.sec.threat.*, flow.dst...", "the same of source and destination alone"),
    ("flow.client.sec.threat.*, flow.server...", "the same of client and server alone"),
)
"""Field of a document, and what it holds after a match."""

VIEWS = (
    (
        "Public threats",
        "flow.client.sec.threat.name: *",
        "a listed address came to you: it opened connections, as scanners and bots do",
    ),
    (
        "At-risk servers",
        "flow.client.sec.threat.name: * and a server with a private address",
        "servers of yours that a listed address spoke to; look whether they answered, and with how much",
    ),
    (
        "High-risk clients",
        "flow.server.sec.threat.name: *",
        "hosts of yours that opened a connection to a listed address: often malware that calls home; look at these first",
    ),
)
"""View, what is in it, and what that means."""

_NEXT = (
    "Nothing has matched yet. That is normal where nobody spoke to a listed address. To be sure that it works:",
    "  - `flowcoll threats lookup ADDRESS` tells for an address of your flows whether it would match, and why not",
    "  - `flowcoll threats status` says how many entries each list has, and when it was loaded",
    "  - `flowcoll exporters` says whether flows come at all; `flowcoll top` how many",
    "  - flows between private addresses alone never match: export them where addresses are still public, before NAT",
)


def state(present: Present) -> Iterator[str]:
    """Give the present state of each list, a line for each."""
    if not present.summary.used:
        yield present.summary.text
        return
    for each in present.summary.lists:
        yield f"{each.name}: {each.text}"


def next_steps(present: Present) -> Iterator[str]:
    """Give what to do where nothing matches, the first thing first."""
    summary = present.summary
    if not summary.used:
        yield "Switch a list on; docs/threats.md has examples of open feeds, docs/passivetotal.md PassiveTotal."
        return
    if not present.running:
        yield "No collector answers with these options, so nobody compares anything now: systemctl start flowcoll"
    for each in summary.lists:
        if each.advice and (each.failed or each.kind == "waiting"):
            yield f"{each.name}: {each.advice}"
    if any(each.kind == "on" for each in summary.lists) and summary.matches == 0:
        yield from _NEXT
