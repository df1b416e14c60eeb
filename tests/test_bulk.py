import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.elasticsearch import SAID
from flowcoll.output import bulk
from flowcoll.output.bulk import Packer, Request, Verdict, indices, judge, perhaps_twice

LINES = [b'{"create":{"_index":"i","_id":"%d"}}\n{"n":%d}\n' % (number, number) for number in range(7)]


def packed(lines):
    packer = Packer()
    octets = sum(packer.add(line, 1) for line in lines)
    assert octets == packer.octets
    return packer.request()


def test_packed_is_gzip():
    """A request is what any gzip reads, whatever packed it, and knows its sizes."""
    request = packed(LINES)
    assert gzip.decompress(request.body) == b"".join(LINES)
    assert (request.documents, request.raw_octets) == (7, len(b"".join(LINES)))
    assert request.octets == len(request.body)


def test_zlib_takes_the_place_of_isal():
    """Zlib has every name that is used of ISA-L, so that it works where there is none."""
    for name in ("compressobj", "decompress", "DEFLATED"):
        assert hasattr(zlib, name)
        assert hasattr(bulk.deflate, name)
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    body = packer.compress(b"".join(LINES)) + packer.flush()
    assert len(Request(body, 7, 0).pairs()) == 7


@given(st.sets(st.integers(0, 6)).map(sorted))
def test_a_part_of_a_request(places):
    """Any documents of a request make a request, with the same ids."""
    some = packed(LINES).only(places)
    assert gzip.decompress(some.body) == b"".join(LINES[place] for place in places)
    assert some.documents == len(places)


@given(st.integers(2, 7))
def test_halves(count):
    """Two halves hold every document once, and none is empty."""
    first, second = packed(LINES[:count]).halves()
    assert min(first.documents, second.documents) >= 1
    assert first.pairs() + second.pairs() == packed(LINES[:count]).pairs()


def test_a_doubt_stays_with_both_halves():
    """What may have been stored may have been stored in both halves; what was answered is in doubt no more."""
    request = packed(LINES)._replace(doubt="i-000001")
    assert [half.doubt for half in request.halves()] == ["i-000001"] * 2
    assert request.only([1, 2]).doubt is None


def item(word):
    return {"create": SAID["item"][word] if word else SAID["stored"]}


def test_an_answer_without_errors():
    """Without errors every document is stored, however long the list."""
    assert judge({"errors": False, "took": 3, "items": []}, 5) == Verdict(5)


def test_each_document_has_its_own_answer():
    """Stored, present, to be sent again now or later, rejected: by status, and by the error where the status says too little."""
    words = ["", "conflict", "mapping", "busy", "unauthorized", "", "disk_full", "no_template", "read_only", "unknown"]
    verdict = judge({"errors": True, "took": 3, "items": [item(word) for word in words]}, len(words))
    assert (verdict.stored, verdict.present) == (2, 1)
    assert [words[each.place] for each in verdict.busy] == ["busy", "disk_full"]
    assert [words[each.place] for each in verdict.blocked] == ["unauthorized", "no_template", "read_only"]
    assert [words[each.place] for each in verdict.rejected] == ["mapping", "unknown"]
    assert str(verdict.rejected[0]).startswith("status 400: document_parsing_exception: [1:46] failed to parse")


def test_no_more_shards_is_no_fault_of_a_document():
    """A cluster that takes no more shards may be mended."""
    full = {"status": 400, "error": {"type": "validation_exception", "reason": "this action would add [2] shards"}}
    assert len(judge({"errors": True, "items": [{"create": full}]}, 1).blocked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None, "text", [], {}, {"errors": "yes"}, {"errors": True}, {"errors": True, "items": []}, {"errors": True, "items": [1]},
        {"errors": True, "items": [{"index": {"status": 201}}]}, {"errors": True, "items": [{"create": {"error": {}}}]},
        {"errors": True, "items": [{"create": {"status": "x", "error": {"type": "a", "reason": "b"}}}]},
    ],
)  # fmt: skip
def test_what_is_no_answer(answer):
    """Anything that is not an answer to this request gives none: nothing is taken for stored by mistake."""
    assert judge(answer, 1) is None


def test_where_documents_went():
    """The indices of those that were stored, and of no others; none where the answer does not name them."""
    items = [{"create": {"_index": "i-000002", "status": 201}}, {"create": {"_index": "i-000002", "status": 409}}]
    assert indices({"errors": True, "items": items}) == ["i-000002"]
    assert indices({"errors": False}) == []
    for answer in (None, [], {"items": 1}, {"items": [1, {}, {"create": None}, {"create": {"status": 201}}]}):
        assert indices(answer) == []


def test_perhaps_twice():
    """What went to the index that was known before is there once; so is what went to the first one there was."""
    assert perhaps_twice(["i-000002", "i-000002"], "i-000002") == 0
    assert perhaps_twice(["i-000002", "i-000003"], "i-000002") == 1
    assert perhaps_twice(["i-000002"], "") == 1
    assert perhaps_twice(["i-000001"], "") == 0
