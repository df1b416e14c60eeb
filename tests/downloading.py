"""What tests of downloads share: sources like those of options, and one download after the other."""

import io
from contextlib import nullcontext

import pytest

from fakes.passivetotal import KEY, USER
from flowcoll.config import defaults
from flowcoll.threat.keeping.download import Answer, Validators, fetch, session
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.refusals import DownloadError
from flowcoll.threat.keeping.source import Source

RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
MINE = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"


def passivetotal(url: str, **said: object) -> Source:
    """Give the source of PassiveTotal's list, with some options of your own by the ends of their names."""
    given = {"THREAT_ENABLE": True, "THREAT_ENDPOINT": url, "API_USER": USER, "API_KEY": KEY} | said
    (feed,) = feeds_of(defaults(**{RISKIQ + end: value for end, value in given.items()}))
    return feed.sources[0]


def mine(url: str, **said: object) -> Source:
    """Give the source of a list of one's own, in the same way."""
    given = {"ENABLE": True, "URL": url} | said
    (feed,) = feeds_of(defaults(**{MINE + end: value for end, value in given.items()}))
    return feed.sources[0]


def ask(source: Source, known: Validators = Validators()) -> tuple[Answer, bytes]:  # noqa: B008
    """Download, and give what came of it and what was written."""
    target = io.BytesIO()
    with session(source) as asking:
        answer = fetch(source, known, target, asking, lambda _: nullcontext())
    return answer, target.getvalue()


def refused(source: Source) -> DownloadError:
    """Download in vain: give the error, which is one line without a secret."""
    with pytest.raises(DownloadError) as caught:
        ask(source)
    assert "\n" not in str(caught.value)
    for secret in secrets_of(source):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def secrets_of(source: Source) -> list[str]:
    """Give what must be nowhere."""
    password = source.proxy.rpartition("@")[0].rpartition(":")[2]
    return [each for each in (source.key, source.header.partition(": ")[2], password) if each]
