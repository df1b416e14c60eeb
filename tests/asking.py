"""Asks a server that runs in this process: from a thread, so that the hub can serve meanwhile."""

import base64
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import gevent


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str]


def fetch(url: str, authority: Path | None = None, account: tuple[str, str] | None = None) -> Answer:
    """Get a page; `authority` is the certificate that is trusted, `account` a user name and a password."""
    request = urllib.request.Request(url)
    if account is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(':'.join(account).encode()).decode()}")
    context = None if authority is None else ssl.create_default_context(cafile=authority)

    def ask() -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, exc.read(), dict(exc.headers))

    answer: Answer = gevent.get_hub().threadpool.spawn(ask).get(timeout=10)
    return answer
