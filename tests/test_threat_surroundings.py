"""What the refresher needs of the world."""

import gevent
import pytest

from flowcoll.threat.keeping.download import TimeUpError
from flowcoll.threat.keeping.surroundings import within


def test_a_block_that_takes_too_long_is_ended() -> None:
    """A block ends with TimeUpError after so many seconds, whatever greenlet-aware call it waits in."""
    with pytest.raises(TimeUpError), within(0.01):
        gevent.sleep(30)
    with within(30):
        gevent.sleep(0)


def test_another_limit_is_not_taken_for_ours() -> None:
    """A limit that somebody else put round passes through."""
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01), within(30):
        gevent.sleep(30)
