"""docs/feeds.md, from the table of kinds of lists."""

from collections.abc import Iterator

from flowcoll.options.groups import THREAT
from flowcoll.threat.keeping.kinds import KINDS, Kind

_HEAD = f"""\
<!-- generated from the table of kinds of lists; `python -m flowcoll.generate` writes it anew -->
# Feeds

Beside PassiveTotal's list the collector matches any number of others: open feeds, which it downloads, and files of yours.
What a match shows, which forms are read and what happens when a download fails is in [threats.md](threats.md).

A list is there as soon as it has a name, here `DROP`, and is switched on:

```yaml
{THREAT}DROP_ENABLE: true
{THREAT}DROP_TYPE: spamhaus_drop
```

A type that is a feed knows the feed's address. `..._URL` names another one, such as a mirror of your own or a feed that is
not in the table; `..._PATH` a file, which is read again once it has changed. A list has one of the two, or neither.

Nothing of these lists comes with the collector: whoever switches one on downloads it from its owner and keeps to the owner's
terms. The last column is what we know of them and no advice; look at the owner's site. What was downloaded lies in
`EF_STATE_PATH/threat` as it came, with the owner's copyright lines.

## Types that are feeds

`..._REFRESH_INTERVAL` is 1440 minutes, once a day, unless you set it. The collector does not start with less than an owner
allows. Nor does it ask more often after a failure that the owner's server has answered, or because it was started anew. The
rule goes with the address, whatever the type.

| Type | What it lists | Address | Minutes, at least | Terms |
|---|---|---|---|---|
"""

_BETWEEN = """
Where a row says neither what is bad about an address nor how sure that is, these words count; `..._LABEL` and
`..._CONFIDENCE` replace them. The confidence of a feed is our estimate, where the feed itself gives none.

| Type | Label | Confidence | May hold no address |
|---|---|---|---|
"""

_FORMS = """
## Types that are forms

| Type | Form |
|---|---|
"""

_EXAMPLES = f"""
## Examples

### Feeds without an account

```yaml
{THREAT}DROP_ENABLE: true
{THREAT}DROP_TYPE: spamhaus_drop
{THREAT}DROP_REFRESH_INTERVAL: 720

{THREAT}FEODO_ENABLE: true
{THREAT}FEODO_TYPE: feodo
{THREAT}FEODO_REFRESH_INTERVAL: 15

{THREAT}ET_ENABLE: true
{THREAT}ET_TYPE: emerging_threats

{THREAT}CINS_ENABLE: true
{THREAT}CINS_TYPE: cins

{THREAT}DSHIELD_ENABLE: true
{THREAT}DSHIELD_TYPE: dshield
{THREAT}DSHIELD_HEADER: "User-Agent: flowcoll (you@example.org)"

{THREAT}FIREHOL_ENABLE: true
{THREAT}FIREHOL_TYPE: firehol_level1
```

The header is for DShield, which wants to know whom to write to when a program asks too much.

Any other list of FireHOL's is a plain list with an address:

```yaml
{THREAT}FIREHOL2_ENABLE: true
{THREAT}FIREHOL2_TYPE: plain
{THREAT}FIREHOL2_URL: https://raw.githubusercontent.com/firehol/blocklist-ipsets/master/firehol_level2.netset
{THREAT}FIREHOL2_LABEL: FireHOL level 2
{THREAT}FIREHOL2_CONFIDENCE: 60
```

### ThreatFox, with an Auth-Key from a file

```yaml
{THREAT}THREATFOX_ENABLE: true
{THREAT}THREATFOX_TYPE: threatfox
{THREAT}THREATFOX_URL: https://threatfox-api.abuse.ch/v2/files/exports/{{password}}/recent.json
{THREAT}THREATFOX_PASSWORD_FILE: /etc/flowcoll/abuse.ch.key
{THREAT}THREATFOX_REFRESH_INTERVAL: 60
```

`{{password}}` stands for the key, which so is in no log and on no page. Without `..._URL` and key the public export is asked,
which gave the same list when this was written.

### Whatever else a server wants

A user and a password (HTTP Basic), a header of its own, a proxy, an authority that this host does not know. Each secret may be
in a file, by the same name with `_FILE`. None of them is sent to another server, should the first one send the collector on.

```yaml
{THREAT}PARTNER_ENABLE: true
{THREAT}PARTNER_URL: https://intel.example.org/v1/addresses.csv
{THREAT}PARTNER_USERNAME: flowcoll
{THREAT}PARTNER_PASSWORD_FILE: /etc/flowcoll/partner.password
{THREAT}PARTNER_HEADER_FILE: /etc/flowcoll/partner.header
{THREAT}PARTNER_PROXY: http://proxy.example.org:3128
{THREAT}PARTNER_TLS_CA_CERT_FILEPATH: /etc/flowcoll/partner-ca.pem
{THREAT}PARTNER_TIMEOUT: 60
{THREAT}PARTNER_REFRESH_INTERVAL: 60
```

The file of a header holds the whole line, `name: value`, for example `Auth-Key: 0123456789`.

### Files of your own

```yaml
{THREAT}MINE_ENABLE: true
{THREAT}MINE_TYPE: csv
{THREAT}MINE_PATH: /etc/flowcoll/threats/mine.csv

{THREAT}NOTES_ENABLE: true
{THREAT}NOTES_TYPE: yaml
{THREAT}NOTES_PATH: /etc/flowcoll/threats/notes.yml

{THREAT}OLD_ENABLE: true
{THREAT}OLD_TYPE: yaml
{THREAT}OLD_PATH: /etc/flowcoll/threats/ip_rep.yml
```

`mine.csv` begins with a line that names the columns; threats.md lists the names that are understood:

```
address,name,confidence,description,first_seen
192.0.2.7,Scanner,60,"tried every port, twice",2026-01-02
198.51.100.0/24,Botnet,high,,
```

`notes.yml` is the same as YAML, a list of objects; `ip_rep.yml` is a dictionary of older collectors, address to tags:

```
"192.0.2.7": "scanner,ssh"
"198.51.100.9": "malware"
```
"""


def page() -> str:
    """Give docs/feeds.md."""
    feeds = [kind for kind in KINDS.values() if kind.urls]
    forms = [kind for kind in KINDS.values() if not kind.urls]
    return "".join(
        (
            *(_HEAD, *map(_feed, feeds)),
            *(_BETWEEN, *map(_words, feeds)),
            *(_FORMS, *(_row(f"`{kind.name}`", kind.about) for kind in forms)),
            _EXAMPLES,
        )
    )


def _feed(kind: Kind) -> str:
    addresses = "<br>".join(kind.urls)
    return _row(f"`{kind.name}`", kind.about, addresses, f"{kind.shortest_minutes}: {kind.rule}", kind.licence)


def _words(kind: Kind) -> str:
    sure = "as the row says" if kind.confidence is None else str(kind.confidence)
    return _row(f"`{kind.name}`", kind.label, sure, "yes" if kind.may_be_empty else "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def examples() -> Iterator[str]:
    """Give every example of a configuration on the page."""
    for block in page().split("```yaml\n")[1:]:
        yield block.partition("```")[0]
