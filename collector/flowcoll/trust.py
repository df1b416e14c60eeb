"""Whom we trust when we connect over TLS: every client's context is made here, and holds on every Python alike.

Since Python 3.13 the default is to refuse certificates that RFC 5280 would have look otherwise (VERIFY_X509_STRICT). Many
a private authority's do, such as one without a key usage (section 4.2.1.3), and whoever runs it can seldom change that:
it is off. What is named as trusted need not be an authority above all others (VERIFY_X509_PARTIAL_CHAIN): an issuing one
or the server's own certificate will do. Chain, name and time are verified as ever.
"""

import ssl
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

_OLDEST = ssl.TLSVersion.TLSv1_2


def context(authorities: Path | None = None, *, verify: bool = True) -> ssl.SSLContext:
    """Trust the authorities of a PEM file, or those that this host trusts; OSError when the file cannot be read."""
    made = ssl.create_default_context(cafile=authorities and str(authorities))
    made.minimum_version = _OLDEST
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class Adapter(HTTPAdapter):
    """Has a session of requests trust what a context trusts, and what its own `verify` names besides."""

    def __init__(self, trusting: ssl.SSLContext, **settings: Any) -> None:
        self._settings: dict[str, Any] = {"ssl_context": trusting, **settings}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections with it."""
        super().init_poolmanager(*args, **(kwargs | self._settings))

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make connections with it, through a proxy."""
        return super().proxy_manager_for(*args, **(kwargs | self._settings))
