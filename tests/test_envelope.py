from hypothesis import given
from hypothesis import strategies as st

from flowcoll.output.bulk import Packer
from flowcoll.output.envelope import opened, sealed


@given(st.integers(1, 100), st.one_of(st.none(), st.text(max_size=200)))
def test_a_request_comes_back_as_it_was(documents, doubt):
    """Octets, documents, size before packing, and where it may have been stored."""
    packer = Packer()
    packer.add(b'{"create":{}}\n{"n":1}\n' * documents, documents)
    request = packer.request()._replace(doubt=doubt)
    assert opened(sealed(request), documents) == request
