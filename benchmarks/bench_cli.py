"""How long it takes until the program answers."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

WORDS = {"--help": 0.4, "predict --help": 0.6, "list commands": 0.6, "doctor": 3.0}


def seconds(arguments: list[str], times: int) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pulsewise", *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def main() -> list[dict[str, object]]:
    return [
        {"name": f"pulsewise {words}", "value": seconds(words.split(), 9), "unit": "s", "most": most}
        for words, most in WORDS.items()
    ]
