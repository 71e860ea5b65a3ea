"""A client of `pulsewise serve`: one method per operation of its OpenAPI document, and nothing to install for it.

Every method is named as its operation (`operationId`), and its arguments as the operation's parameters; a test holds
both together. Errors of the server are raised as the same errors, with the same codes, that the library raises here.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import CODES, PulsewiseError, SetupError, UsageError

Json = dict[str, Any]
File = str | Path | tuple[str, bytes]
"""A path, or a name and the bytes."""

JSON, BINARY = "application/json", "application/octet-stream"
WAITS = ("busy", "rate_limited")


@dataclass(frozen=True)
class Wave:
    """A stretch of a signal: seconds from the start of the recording and values, NaN where nothing was recorded.

    `kind` is `raw` for every sample and `minmax` for the two extremes of every pixel.
    """

    time: NDArray[np.float64]
    value: NDArray[np.float32]
    kind: str


class Client:
    """A session on a server.

    Parameters
    ----------
    url : str
        Where it is.
    token : str
        Where it asks for one.
    timeout : float
        Seconds for one answer.
    patience : float
        Seconds for which a request is sent again where the server is too busy to take it.

    Examples
    --------
    >>> client = Client("http://127.0.0.1:8000")
    >>> client.url
    'http://127.0.0.1:8000'
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", token: str = "", *, timeout: float = 150.0, patience: float = 10.0
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise UsageError("usage", "the address of a server begins with http:// or https://", where="url")
        self.url, self._timeout, self._patience = url.rstrip("/"), timeout, patience
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    # -- the server ------------------------------------------------------------------------------------------------

    def health(self) -> Json:
        """Whether the process runs."""
        return self._json("GET", "/healthz")

    def ready(self) -> Json:
        """Whether it can answer; raises `busy` where not."""
        return self._json("GET", "/readyz", patience=0.0)

    def metrics(self) -> str:
        """Figures in the text form of Prometheus."""
        return self._ask("GET", "/metrics")[0].decode()

    def models(self) -> list[Json]:
        """The models that are served."""
        return list(self._json("GET", "/api/models")["models"])

    def model(self, name: str) -> Json:
        """A model's card, hashes and intended use."""
        return self._json("GET", f"/api/models/{_part(name)}")

    def runs(self) -> list[Json]:
        """The runs there are."""
        return list(self._json("GET", "/api/runs")["runs"])

    def run(self, name: str) -> Json:
        """A run with its result and recipe."""
        return self._json("GET", f"/api/runs/{_part(name)}")

    def progress(self, name: str) -> Json:
        """How far the training of a run is."""
        return self._json("GET", f"/api/runs/{_part(name)}/progress")

    def run_report(self, name: str) -> str:
        """The report of a run, as HTML."""
        return self._ask("GET", f"/api/runs/{_part(name)}/report")[0].decode()

    def streams(self) -> list[Json]:
        """The live streams that this session or token may watch."""
        return list(self._json("GET", "/api/streams")["streams"])

    # -- one window in, one answer out --------------------------------------------------------------------------------

    def measure(
        self,
        samples: ArrayLike,
        rate: float,
        kind: str | None = None,
        window: float | None = None,
        step: float | None = None,
    ) -> Json:
        """Vital signs of samples (T,) or (C, T), NaN where missing."""
        return self._samples("/api/measure", samples, {"rate": rate, "kind": kind, "window": window, "step": step})

    def predict(
        self, model: str, samples: ArrayLike, rate: float, kind: str | None = None, about: Sequence[str] = ()
    ) -> Json:
        """Estimates of a model from samples (T,) or (C, T) of somebody; `about` as for `upload`."""
        query = {"rate": rate, "kind": kind, "about": list(about)}
        return self._samples(f"/api/predict/{_part(model)}", samples, query)

    def _samples(self, path: str, samples: ArrayLike, query: Mapping[str, Any]) -> Json:
        array = np.atleast_2d(np.asarray(samples, dtype="<f4"))
        return self._json("POST", path, {**query, "channels": len(array)}, array.tobytes(), BINARY)

    # -- recordings --------------------------------------------------------------------------------------------------

    def begin_session(self) -> Json:
        """Begin a session; the first upload does it too."""
        return self._json("POST", "/api/sessions")

    def end_session(self) -> None:
        """End it: everything in it is deleted."""
        self._ask("DELETE", "/api/sessions/current")

    def upload(
        self,
        files: File | Sequence[File],
        *,
        rate: float | None = None,
        kind: str | None = None,
        channel: str | None = None,
        column: Sequence[str] = (),
        unit: str | None = None,
        about: Sequence[str] = (),
        zone: str | None = None,
        date_format: str | None = None,
        format: str | None = None,
        strict: bool = False,
    ) -> Json:
        """Upload the files of one recording, or of several; what could not be read is under `errors`.

        `about` says of the person what the files do not: `["age=54", "sex=female"]`.

        An upload that the network breaks can be sent again: it is done once.
        """
        several = [files] if isinstance(files, str | Path | tuple) else list(files)
        given = {"rate": rate, "kind": kind, "channel": channel, "column": list(column), "unit": unit, "zone": zone}
        given |= {"about": list(about), "date_format": date_format, "format": format, "strict": strict or None}
        form, content = _form([("file", one) for one in several], {})
        return self._json("POST", "/api/recordings", given, form, content, _once())

    def recordings(self) -> list[Json]:
        """The recordings of the session."""
        return list(self._json("GET", "/api/recordings")["recordings"])

    def recording(self, recording: str) -> Json:
        """What a file was found to be, and why."""
        return self._json("GET", _of(recording))

    def forget(self, recording: str) -> None:
        """Delete a recording."""
        self._ask("DELETE", _of(recording))

    def wave(
        self,
        recording: str,
        channel: str | None = None,
        t0: float | None = None,
        t1: float | None = None,
        px: int = 1000,
    ) -> Wave:
        """A stretch of a signal, as a screen of `px` pixels shows it."""
        query = {"channel": channel, "t0": t0, "t1": t1, "px": px}
        content, headers = self._ask("GET", f"{_of(recording)}/wave", query)
        points = np.frombuffer(content, "<f4").reshape(-1, 2)
        return Wave(points[:, 0].astype(np.float64) + float(headers["X-T0"]), points[:, 1].copy(), headers["X-Kind"])

    def measure_recording(
        self, recording: str, channel: str | None = None, window: float | None = None, step: float | None = None
    ) -> Json:
        """Vital signs of a recording, with beats as corrected."""
        return self._json("GET", f"{_of(recording)}/measure", {"channel": channel, "window": window, "step": step})

    def predict_recording(self, recording: str, model: str) -> Json:
        """Estimates of a model for a recording."""
        return self._json("POST", f"{_of(recording)}/predict", {"model": model})

    def windows(self, recording: str, model: str) -> Json:
        """The windows a model sees, their template, and what was left out."""
        return self._json("GET", f"{_of(recording)}/windows", {"model": model})

    def explain(self, recording: str, model: str, start_s: float | None = None, quantity: str = "") -> Json:
        """Where in the signal an answer comes from; `not_found` where the server cannot."""
        query = {"model": model, "start_s": start_s, "quantity": quantity}
        return self._json("POST", f"{_of(recording)}/explain", query)

    def edits(self, recording: str) -> list[Json]:
        """Corrections of beats so far."""
        return list(self._json("GET", f"{_of(recording)}/edits")["edits"])

    def edit(
        self,
        recording: str,
        who: str,
        why: str,
        add: Sequence[float] = (),
        remove: Sequence[float] = (),
        mark: Sequence[float] = (),
        signal: str = "",
    ) -> Json:
        """Correct beats (s from the start of the signal); the trail and what is measured now."""
        body = {"who": who, "why": why, "add": list(add), "remove": list(remove), "mark": list(mark), "signal": signal}
        return self._json("POST", f"{_of(recording)}/edits", {}, json.dumps(body).encode(), JSON, _once())

    def references(self, recording: str) -> list[Json]:
        """Reference values of a recording."""
        return list(self._json("GET", f"{_of(recording)}/references")["references"])

    def refer(self, recording: str, references: Sequence[Mapping[str, Any]], replace: bool = False) -> list[Json]:
        """Add reference values: each with `quantity`, `value` and, where known, `unit` and `time_s`."""
        body = json.dumps({"references": [dict(one) for one in references], "replace": replace}).encode()
        made = self._json("POST", f"{_of(recording)}/references", {}, body, JSON, _once())
        return list(made["references"])

    def upload_references(self, recording: str, table: str) -> list[Json]:
        """A CSV table of reference values, instead of those typed before."""
        made = self._json("PUT", f"{_of(recording)}/references", {}, table.encode(), "text/csv")
        return list(made["references"])

    def report_recording(self, recording: str, quantity: str, model: str | None = None) -> Json:
        """A report of estimates against references; `id` and `result`."""
        query = {"quantity": quantity, "model": model}
        return self._json("POST", f"{_of(recording)}/report", query, headers=_once())

    def download(self, recording: str, form: str, model: str | None = None, channel: str | None = None) -> bytes:
        """A file to take away."""
        return self._ask("GET", f"{_of(recording)}/download/{_part(form)}", {"model": model, "channel": channel})[0]

    # -- comparisons -------------------------------------------------------------------------------------------------

    def compare(
        self, table: File, quantity: str, *, second: File | None = None, train: File | None = None, **fields: Any
    ) -> Json:
        """Judge a table of pairs; `fields` are the options of `pulsewise compare`."""
        files = [(n, f) for n, f in (("table", table), ("second", second), ("train", train)) if f is not None]
        form, content = _form(files, {"quantity": quantity, **fields})
        return self._json("POST", "/api/compare", {}, form, content, _once())

    def report(self, report: str) -> str:
        """A report, as HTML."""
        return self._ask("GET", f"/api/reports/{_part(report)}")[0].decode()

    def report_result(self, report: str) -> Json:
        """All figures of a report."""
        return self._json("GET", f"/api/reports/{_part(report)}/result.json")

    def report_rows(self, report: str) -> str:
        """The pairs of a report, as CSV."""
        return self._ask("GET", f"/api/reports/{_part(report)}/rows.csv")[0].decode()

    def report_figures(self, report: str) -> str:
        """The figures of a report, as CSV."""
        return self._ask("GET", f"/api/reports/{_part(report)}/figures.csv")[0].decode()

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content: str = "",
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> Json:
        text, _ = self._ask(method, path, query, body, content, headers, patience)
        return dict(json.loads(text))

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content: str = "",
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> tuple[bytes, Any]:
        """Body and head of an answer; the server's error where there is one."""
        given = {k: v for k, v in (query or {}).items() if v is not None}
        given = {k: str(v).lower() if isinstance(v, bool) else v for k, v in given.items()}
        address = self.url + path + (f"?{urlencode(given, doseq=True)}" if given else "")
        more = {**self._headers, **({"Content-Type": content} if content else {}), **(headers or {})}
        ends = time.monotonic() + (self._patience if patience is None else patience)
        while True:
            request = urllib.request.Request(address, body, more, method=method)  # noqa: S310  # http and https only, see __init__
            try:
                with self._opener.open(request, timeout=self._timeout) as answer:
                    return answer.read(), answer.headers
            except urllib.error.HTTPError as error:
                with error:
                    found, wait = _error(error), float(error.headers.get("Retry-After") or 1)
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                fix = "start it: pulsewise serve"
                raise SetupError("environment", "the server does not answer", where=self.url, fix=fix) from error
            if found.code not in WAITS or time.monotonic() + wait > ends:
                raise found
            time.sleep(wait)


def _once() -> dict[str, str]:
    """A key with which the server does a request once, however often it arrives."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def _part(text: str) -> str:
    return quote(text, safe="")


def _of(recording: str) -> str:
    return f"/api/recordings/{_part(recording)}"


def _error(answer: urllib.error.HTTPError) -> PulsewiseError:
    try:
        plain = json.loads(answer.read())
        code = plain["code"] if plain["code"] in CODES else "internal"
        return PulsewiseError(code, str(plain["detail"]), where=plain.get("where", ""), fix=plain.get("fix", ""))
    except (ValueError, KeyError, TypeError):
        return PulsewiseError("internal", f"the server answered with status {answer.code}")


def _form(files: Sequence[tuple[str, File]], fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for key, value in fields.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            text = str(one).lower() if isinstance(one, bool) else str(one)
            parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'.encode())
    for key, file in files:
        name, data = file if isinstance(file, tuple) else (Path(file).name, Path(file).read_bytes())
        name = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"; filename="{name}"\r\n'
        parts += [head.encode(), f"Content-Type: {BINARY}\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
