"""Errors that say what was expected, what came, where, and what to do.

Every error carries a stable code. The code fixes the exit status of the command line and the
HTTP status of the service, so that the same fault has the same name everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """What one stable error code means, for programs (exit, http) and for people (meaning)."""

    exit: int
    http: int
    meaning: str


CODES: dict[str, Code] = {
    # 1: our own fault
    "internal": Code(1, 500, "a fault in pulsewise itself; please report it"),
    # 2: the call is wrong
    "usage": Code(2, 400, "the command or its options are not of the documented form"),
    "config": Code(2, 400, "a recipe or an option has an unknown key, a wrong type or a wrong value"),
    "unknown_name": Code(2, 404, "no plug-in, preset, dataset or command of this name"),
    "output_exists": Code(2, 409, "the output is there already and --overwrite was not given"),
    "unauthorized": Code(2, 401, "a token is needed, or the one given is not known"),
    "forbidden": Code(2, 403, "the token lacks the scope for this, or the request comes from another site"),
    "method": Code(2, 405, "this address does not take requests of this kind"),
    "conflict": Code(2, 409, "this idempotency key was used for another request"),
    # 3: the input cannot be read, or must not be
    "not_found": Code(3, 404, "the file, folder or address does not exist"),
    "unknown_format": Code(3, 415, "no reader recognises the file"),
    "empty_recording": Code(3, 422, "the file holds no samples"),
    "sampling_rate": Code(3, 422, "the sampling rate is missing or impossible"),
    "malformed": Code(3, 422, "the file breaks the rules of its own format"),
    "truncated": Code(3, 422, "the file ends before its header says (strict reading)"),
    "checksum": Code(3, 422, "the data do not match the file's own checksum (strict reading)"),
    "header_cycle": Code(3, 422, "segments of the header refer to themselves or nest too deep"),
    "unsafe_path": Code(3, 422, "the file points outside its own folder or to the network"),
    "expands_too_much": Code(3, 413, "unpacking would exceed the limits"),
    "too_large": Code(3, 413, "the file or what its header promises exceeds the limits"),
    "reader_crashed": Code(3, 422, "the reader process died on this file"),
    "reader_timeout": Code(3, 422, "the reader process did not finish in time"),
    "ambiguous_date": Code(3, 422, "the dates can be read in more than one way"),
    "local_time": Code(3, 422, "a local time does not exist or exists twice, or its zone is missing"),
    "time_order": Code(3, 422, "too many timestamps run backwards"),
    "clock_drift": Code(3, 422, "the measured rate is too far from the stated one"),
    "unit": Code(3, 422, "the unit is unknown, or the values cannot be in the stated unit"),
    "label": Code(3, 422, "a reference value is missing, impossible or cannot be matched"),
    "modality": Code(3, 422, "the recording does not hold the channels the model needs"),
    "rate": Code(3, 422, "the recording's rate cannot be brought to the one the model needs"),
    "length": Code(3, 422, "the recording or window has another length than needed"),
    "shape": Code(3, 422, "an array has another shape than needed"),
    "not_comparable": Code(3, 422, "versions are not of one question, the same people, readings and test folds"),
    "disk": Code(3, 507, "writing failed: disk full, read-only or broken"),
    # 4: readable, but nothing can be said
    "no_usable_signal": Code(4, 422, "the recording was read but nothing in it can be estimated"),
    # 5: a gate was not met
    "gate": Code(5, 422, "a figure is below what --fail-under asked for"),
    "diverged": Code(5, 422, "training came to a loss that is not a number and was stopped"),
    "collapsed": Code(5, 422, "pre-training came to the same embedding for every window and was stopped"),
    "not_better": Code(5, 422, "the personal bundle does not beat the person's first readings carried forward"),
    "leakage_detected": Code(5, 422, "a person or a waveform is on both sides of the split"),
    # 6: an artefact is not what it says it is
    "artifact_invalid": Code(6, 422, "a bundle, store or weight file is damaged or not of its kind"),
    "artifact_version": Code(6, 422, "the artefact was written by a newer version"),
    "resume_mismatch": Code(6, 409, "the unfinished run was started with other settings or data"),
    "output_locked": Code(6, 409, "another process is writing to this folder"),
    "untrained": Code(6, 409, "the bundle was never trained"),
    # 7: the environment
    "missing_dependency": Code(7, 501, "a library needed for this is not installed"),
    "environment": Code(7, 503, "something on this machine prevents the work"),
    "download": Code(7, 502, "a download failed"),
    "busy": Code(7, 503, "more is waiting already than is allowed; the answer says when to try again"),
    "rate_limited": Code(7, 429, "too many requests in a short time; the answer says when to try again"),
    "slow_request": Code(7, 408, "the request did not arrive in the time it is given"),
}


class PulsewiseError(Exception):
    """An error with a stable code, for the command line and the HTTP service alike.

    Parameters
    ----------
    code : str
        A key of `CODES`.
    what : str
        What was expected and what came, in one sentence.
    where : str
        The field, line, channel or option concerned (never a full path, never a person's name).
    fix : str
        What to do about it.

    Examples
    --------
    >>> error = PulsewiseError("sampling_rate", "no time column and no rate", fix="give --rate 125")
    >>> error.exit_status, error.code
    (3, 'sampling_rate')
    >>> print(error)
    no time column and no rate; give --rate 125 [sampling_rate]
    """

    def __init__(self, code: str, what: str, *, where: str = "", fix: str = "") -> None:
        if code not in CODES:
            raise ValueError(f"unknown error code {code!r}; add it to pulsewise.core.errors.CODES")
        self.code, self.what, self.where, self.fix = code, what, where, fix
        super().__init__(code, what, where, fix)

    @property
    def exit_status(self) -> int:
        """Exit status of the command line."""
        return CODES[self.code].exit

    @property
    def http_status(self) -> int:
        """Status of an HTTP answer (RFC 9457 problem)."""
        return CODES[self.code].http

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.what}{where}{fix} [{self.code}]"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.what, self.where, self.fix))

    def to_dict(self) -> dict[str, str]:
        """The error as one flat dictionary of strings, for JSON."""
        return {"code": self.code, "what": self.what, "where": self.where, "fix": self.fix}


def _rebuild(cls: type[PulsewiseError], code: str, what: str, where: str, fix: str) -> PulsewiseError:
    return cls(code, what, where=where, fix=fix)


class UsageError(PulsewiseError):
    """The call, the recipe or an option is wrong (exit 2)."""


class InputError(PulsewiseError):
    """The input cannot be read, or must not be (exit 3)."""


class NoSignalError(PulsewiseError):
    """The recording was read but nothing in it can be estimated (exit 4)."""


class GateError(PulsewiseError):
    """A figure is below a gate, or a leak was found (exit 5)."""


class ArtifactError(PulsewiseError):
    """A bundle, store or run folder is not what it should be (exit 6)."""


class SetupError(PulsewiseError):
    """Something is missing on this machine (exit 7)."""
