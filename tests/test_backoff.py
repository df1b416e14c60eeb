from hypothesis import given
from hypothesis import strategies as st

from flowcoll.output.backoff import MOST_S, Backoff


def test_waiting_grows_up_to_a_minute():
    """Each wait is a random part of a limit that doubles, up to a minute; a good try begins anew."""
    backoff = Backoff(1.0, lambda: 1.0)
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next() == 1
    assert Backoff(1.0, lambda: 0.25).next() == 0.25
    assert Backoff(0.0, lambda: 1.0).next() > 0


@given(st.floats(0, 100), st.integers(0, 2000), st.floats(0, 1, exclude_max=True), st.floats(0, 1e9))
def test_no_wait_is_too_long(base, tries, chance, asked):
    """However often and whatever a server asks for, a wait ends within a minute."""
    backoff = Backoff(base, lambda: chance)
    backoff.tries = tries
    assert 0 <= backoff.next(asked) <= MOST_S
