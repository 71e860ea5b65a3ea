"""What the person who starts a server decides; everything else is fixed or follows."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path

from pulsewise.core import limits
from pulsewise.core.errors import UsageError

SCOPES = ("read", "predict", "admin")
"""`read`: look at what is there; `predict`: send signals and tables; `admin`: figures about the server itself."""

SHORTEST_TOKEN = 22
"""Characters: 128 bits in base64."""


@dataclass(frozen=True)
class Token:
    """A bearer token, of which only the SHA-256 is kept, and what it allows."""

    digest: str
    scopes: frozenset[str] = frozenset(SCOPES)

    @classmethod
    def parse(cls, text: str) -> Token:
        """`TOKEN`, or `read,predict:TOKEN`; raises `config` for one that can be guessed, or an unknown scope.

        >>> sorted(Token.parse("read:" + "k7Qw" * 8).scopes)
        ['read']
        """
        names, _, secret = text.strip().rpartition(":")
        scopes = frozenset(names.split(",")) if names else frozenset(SCOPES)
        if scopes - set(SCOPES):
            raise UsageError("config", "a token is TOKEN or SCOPE,SCOPE:TOKEN", fix=f"scopes: {', '.join(SCOPES)}")
        if len(secret) < SHORTEST_TOKEN or len(set(secret)) < 4 or not secret.isascii() or not secret.isprintable():
            what = f"a token has at least {SHORTEST_TOKEN} characters that cannot be guessed"
            raise UsageError("config", what, fix=f"e.g. {secrets.token_urlsafe(24)}")
        return cls(hashlib.sha256(secret.encode()).hexdigest(), scopes)

    def fits(self, secret: str) -> bool:
        """Whether this is the token; takes as long for a wrong one."""
        return hmac.compare_digest(hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest(), self.digest)


@dataclass(frozen=True)
class Settings:
    """How a server is run.

    Parameters
    ----------
    host, port
        Where it listens. Anything but this machine itself needs a token.
    bundles : tuple of Path
        Models to answer with; no other is ever loaded.
    runs : Path, optional
        Folder of runs to show.
    workspace : Path, optional
        Folder that keeps sessions over a restart; without it everything ends with the session.
    tokens : tuple of Token
        Empty: everybody who can reach it, which is this machine only.
    hosts : tuple of str
        Other names it is reached by (behind a proxy).
    upload_bytes, session_bytes : int
        Of one upload, and of all signals in memory of one session.
    sessions : int
        At once.
    idle_s : float
        After which a session ends.
    waiting : int
        Requests that may wait for a processor; further ones get 503 at once.
    workers : int
        Processes that compute.
    force : bool
        Let untrained bundles answer.
    body_s, header_s, answer_s : float
        In which a request's body and head must arrive, and in which it is answered.
    rate, burst : float
        Requests per second of one client, and how many at once.
    streams : int
        Live streams at once.
    metrics, docs : bool
        Whether `/metrics` and `/docs`, `/openapi.json` are there.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    bundles: tuple[Path, ...] = ()
    runs: Path | None = None
    workspace: Path | None = None
    tokens: tuple[Token, ...] = ()
    hosts: tuple[str, ...] = ()
    upload_bytes: int = limits.UPLOAD_BYTES
    session_bytes: int = 2**30
    sessions: int = 200
    idle_s: float = 3600.0
    waiting: int = 64
    workers: int = 2
    body_s: float = 60.0
    header_s: float = 10.0
    answer_s: float = 120.0
    rate: float = 500.0
    burst: float = 1000.0
    streams: int = 200
    metrics: bool = True
    docs: bool = True
    force: bool = False

    def check(self) -> None:
        """Raise `config` for a server that others could reach without a token."""
        if not self.tokens and not loopback(self.host):
            raise UsageError(
                "config",
                f"{self.host} can be reached by others: that needs a token",
                where="--host",
                fix=f"give --token, e.g. {secrets.token_urlsafe(24)}, or --host 127.0.0.1",
            )

    def known_hosts(self) -> frozenset[str]:
        """Names that may stand in `Host`, in small letters, without the port."""
        own = {"localhost", "127.0.0.1", "[::1]", *self.hosts}
        if self.host not in ("0.0.0.0", "::"):  # noqa: S104  # compared, not listened on
            own.add(f"[{self.host}]" if ":" in self.host else self.host)
        return frozenset(name.casefold() for name in own)


def loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> loopback("127.0.0.1"), loopback("::1"), loopback("0.0.0.0"), loopback("example.org")
    (True, True, False, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
