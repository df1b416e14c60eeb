"""Octets of a list to rows: unwrapped, their form found out, each row judged; bounded, whatever comes."""
