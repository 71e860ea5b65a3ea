"""The report on paper: printed by a Chromium that is on this machine, without the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import SetupError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
"""Programs that print; the environment variable PULSEWISE_BROWSER names another."""

SECONDS = 120


def browser() -> Path | None:
    """The browser that would print, None where there is none."""
    for name in (os.environ.get("PULSEWISE_BROWSER", ""), *BROWSERS):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    return None


def print_pdf(html: str, out: Path, *, overwrite: bool = True) -> Path:
    """Print a page to A4 and write the PDF whole or not at all.

    The page runs no scripts and asks for nothing (its own security policy), and the browser gets no network.

    Raises
    ------
    SetupError
        `missing_dependency` without a browser, `environment` where it fails or takes too long.
    """
    program = browser()
    if program is None:
        raise SetupError(
            "missing_dependency",
            "a PDF needs a Chromium on this machine",
            fix="install chromium (apt install chromium), or print report.html from any browser",
        )
    with tempfile.TemporaryDirectory(prefix="pulsewise-") as folder:
        page, made = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_text(html, encoding="utf-8")
        command = [
            str(program), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--proxy-server=127.0.0.1:9", f"--user-data-dir={folder}/profile", "--no-pdf-header-footer",
            f"--print-to-pdf={made}", page.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  # our own words and a file of our own
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupError("environment", f"{program.name} did not print: {type(error).__name__}") from error
        if done.returncode or not made.is_file():
            raise SetupError("environment", f"{program.name} did not print (exit {done.returncode})")
        return write_atomic(out, made.read_bytes(), overwrite=overwrite)
