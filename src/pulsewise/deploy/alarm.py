"""An alarm on a quantity with hysteresis: it neither flickers at its limit nor fires on one window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulsewise.core.errors import UsageError


@dataclass
class Alarm:
    """Fires after `hold` estimates in a row beyond `limit`, ends after `hold` in a row back by `hysteresis`.

    An abstention is neither: it starts no alarm and ends none.

    Examples
    --------
    >>> alarm = Alarm.parse("glucose<70", hysteresis=5, hold=2)
    >>> [alarm.see({"glucose": value})["alarm:glucose<70"] for value in (69, 68, None, 72, 76, 77)]
    [False, True, True, True, True, False]
    """

    quantity: str
    below: bool
    limit: float
    hysteresis: float = 0.0
    hold: int = 2
    on: bool = False
    _run: int = field(default=0, repr=False)

    @classmethod
    def parse(cls, text: str, *, hysteresis: float = 0.0, hold: int = 2) -> Alarm:
        """From `glucose<70` or `heart_rate>120`; raises `usage`."""
        found = re.fullmatch(r"\s*([a-z_]+)\s*([<>])\s*(\d+(?:\.\d+)?)\s*", text)
        if found is None:
            raise UsageError("usage", f"an alarm is QUANTITY<LIMIT or QUANTITY>LIMIT, {text[:40]!r} came")
        return cls(found[1], found[2] == "<", float(found[3]), hysteresis, hold)

    @property
    def name(self) -> str:
        """As it was given."""
        return f"{self.quantity}{'<' if self.below else '>'}{self.limit:g}"

    def see(self, values: Mapping[str, float | None]) -> dict[str, bool]:
        """Take the newest estimates and say whether the alarm is on."""
        value = values.get(self.quantity)
        if value is not None:
            beyond = self.limit - value if self.below else value - self.limit
            turning = beyond < -self.hysteresis if self.on else beyond > 0
            self._run = self._run + 1 if turning else 0
            if self._run >= self.hold:
                self.on, self._run = not self.on, 0
        return {f"alarm:{self.name}": self.on}
