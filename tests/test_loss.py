"""What a worker that dies leaves uncounted is counted for it."""

from flowcoll.collect.loss import lost

TOLD = {
    "datagrams.received": 90,
    "documents.written": 1_000,
    "documents.delivered.file": 1_000,
    "documents.delivered.elasticsearch": 500,
    "documents.delivered_before.elasticsearch": 20,
    "documents.rejected.elasticsearch.mapper_exception": 30,
    "documents.dropped.elasticsearch": 50,
    "documents.found.elasticsearch": 70,
    "documents.spooled.elasticsearch": 300,
    "documents.replayed.elasticsearch": 80,
    "sets.waited": 9,
    "sets.read_late": 4,
    "sets.refused.waiting_full": 1,
    "sets.refused.length": 5,
}


def test_what_it_held_is_lost() -> None:
    """Datagrams after its last word, documents in its memory, sets that waited; what is on disk is left for the next."""
    assert lost(TOLD, {"file": 0, "elasticsearch": 180}, 93) == {
        "datagrams.received": 3,
        "datagrams.lost.worker_died": 3,
        "sets.refused.worker_died": 4,
        "documents.left.elasticsearch": 290,
        "documents.dropped.elasticsearch": 180,
        "documents.dropped_because.elasticsearch.worker_died": 180,
    }


def test_what_was_not_given_yet() -> None:
    """Documents that one output had not been given when another made all wait are lost for that one."""
    more = lost({**TOLD, "documents.written": 1_007}, {"file": 0, "elasticsearch": 180}, 90)
    assert more["documents.dropped_because.file.worker_died"] == 7
    assert more["documents.dropped_because.elasticsearch.worker_died"] == 187


def test_who_ended_in_order_has_lost_nothing() -> None:
    """Everything had its place."""
    told = {**TOLD, "documents.delivered.elasticsearch": 680, "documents.left.elasticsearch": 290, "sets.waited": 5}
    assert lost(told, {"file": 0, "elasticsearch": 0}, 90) == {}
