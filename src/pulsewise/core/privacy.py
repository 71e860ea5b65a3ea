"""What must not travel: names, birth dates, serial numbers. Columns are dropped, identifiers become pseudonyms.

A pseudonym is the first ten hex digits of HMAC-SHA256 with a salt that stays on this machine, so that the
same person has the same pseudonym in every run here and nobody elsewhere can look the name up.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import re
import secrets
from functools import cache
from pathlib import Path

from pulsewise.core.errors import UsageError

# fmt: off
_WORDS = frozenset(
  (
    "name", "names", "forename", "surname", "firstname", "lastname", "givenname", "familyname", "fullname",
    "patientname", "vorname", "nachname", "prenom", "nom", "nombre", "apellido", "dob", "birth", "birthdate",
    "birthday", "dateofbirth", "geburtsdatum", "geburtstag", "email", "mail", "phone", "telephone", "mobile",
    "telefon", "address", "street", "city", "zip", "zipcode", "postcode", "adresse", "ssn", "mrn", "nhs", "insurance",
    "passport", "initials", "serial", "serialnumber", "imei", "mac", "ip", "latitude", "longitude", "lat", "lon",
    "gps", "physician", "doctor", "operator", "arzt",
  )
)
_PAIRS = frozenset(
  (
    "patientinfo", "patientname", "patientidentifier", "dateofbirth", "firstname", "lastname", "fullname",
    "givenname", "familyname", "birthdate", "birthday", "serialnumber", "deviceserial", "socialsecurity",
    "transmitterid", "sourcedeviceid", "ipaddress", "macaddress",
  )
)
_IDENTIFIERS = frozenset(
  (
    "id", "patient", "patientid", "subject", "subjectid", "person", "personid", "participant", "participantid",
    "caseid", "pid", "subid", "patientnumber", "subjectnumber", "patnr", "patientno", "subjectno",
  )
)
_SENSOR_WORDS = frozenset(
  (
    "ppg", "ecg", "ekg", "pleth", "bvp", "acc", "eda", "gsr", "signal", "channel", "file", "column", "sensor",
  )
)
# fmt: on


def _words(name: str) -> list[str]:
    spaced = re.sub(r"([a-zäöüß0-9])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-zäöüß0-9]+", spaced.casefold()) if word]


def private(name: str) -> bool:
    """Whether a column of this name holds what identifies a person (name, birth date, address, serial number, ...).

    >>> [private(n) for n in ("First Name", "dob", "DateOfBirth", "e-mail", "PPG", "channel name", "Patient Info")]
    [True, True, True, True, False, False, True]
    """
    words = _words(name)
    joined = "".join(words)
    if joined in _PAIRS or any(a + b in _PAIRS for a, b in itertools.pairwise(words)):
        return True
    if _SENSOR_WORDS & set(words):
        return False
    return bool(_WORDS & set(words)) or joined in _WORDS or joined == "email"


def identifies(name: str) -> bool:
    """Whether a column of this name numbers the persons: its values become pseudonyms.

    >>> [identifies(n) for n in ("subject_ID", "Patient ID", "caseid", "window_id")]
    [True, True, True, False]
    """
    return "".join(_words(name)) in _IDENTIFIERS


def salt() -> bytes:
    """The secret of this machine: `PULSEWISE_SALT`, else a file made once in the user's configuration folder.

    Where that folder cannot be written, the host's own identifier stands in, and pseudonyms then only hide,
    they do not protect.
    """
    given = os.environ.get("PULSEWISE_SALT")
    if given is not None:
        if len(given) < 8:
            raise UsageError("config", "PULSEWISE_SALT needs at least 8 characters", fix="use a long random text")
        return given.encode()
    return _stored_salt(os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser()))


@cache
def _stored_salt(folder: str) -> bytes:
    path = Path(folder) / "pulsewise" / "salt"
    try:
        if path.is_file():
            return path.read_bytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"salt.{os.getpid()}.{secrets.token_hex(4)}")
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(secrets.token_hex(32))
        try:
            os.link(temporary, path)  # the first process wins, the others read what it wrote
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        return path.read_bytes()
    except OSError:
        machine = Path("/etc/machine-id")
        return b"pulsewise" + (machine.read_bytes() if machine.is_file() else b"")


def pseudonym(text: str, key: bytes | None = None) -> str:
    """Ten hex digits that stand for a name: HMAC-SHA256 with the salt of this machine, or with `key`.

    >>> pseudonym("Jane Doe", b"secret salt")
    'c9348f7103'
    """
    return hmac.new(salt() if key is None else key, text.encode(), hashlib.sha256).hexdigest()[:10]
