"""Types of what makes a customer of the RiskIQ output known: a UUID and a key."""

import base64
import re

from flowcoll.options.types import Type


def _uuid(text: str) -> str:
    if text and not re.fullmatch("-".join(f"[0-9A-Fa-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12)), text):
        raise ValueError("a UUID, such as 527dd194-a116-11af-8380-034aba1ce438")
    return text.lower()


def _key(text: str) -> str:
    """Base64 (RFC 4648 section 4) of 16 octets, and no other spelling of them."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        octets = b""
    if text and (len(octets) != 16 or base64.b64encode(octets) != text.encode()):
        raise ValueError("base64 of exactly 16 octets: 22 characters and '==', as it was given to you")
    return text


uuid = Type("UUID", _uuid, empty=True)
key = Type("base64 of 16 octets", _key, empty=True, secret=True)
