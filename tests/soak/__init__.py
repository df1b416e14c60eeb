"""A long run of a real collector under load and faults, which keeps account of every datagram and document."""
