"""Octets to sets: what a datagram holds, and the template of each set."""
