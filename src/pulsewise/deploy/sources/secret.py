"""A password or token of the environment, sent only where nobody can listen."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from pulsewise.core.errors import UsageError


def secret(variable: str, url: str) -> str:
    """The value of an environment variable, empty where it is not set, for the server at `url`.

    Raises `usage` where it would go unencrypted to another machine.
    """
    value = os.environ.get(variable, "")
    parts = urlsplit(url)
    if value and parts.scheme in ("ws", "mqtt") and not _here(parts.hostname or ""):
        fix = f"use {parts.scheme}s://, or unset {variable}"
        raise UsageError("usage", f"{variable} is not sent unencrypted to another machine", fix=fix)
    return value


def _here(host: str) -> bool:
    """Whether a host is this machine.

    >>> _here("127.0.0.1"), _here("localhost"), _here("::1"), _here("192.168.0.7"), _here("localhost.example")
    (True, True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
