"""The picture of a report in README.md: `python docs/picture.py runs/demo/report.html` (needs chromium)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).parent / "images" / "report.png"
SIZE = "1100,1310"


def take(report: Path, picture: Path = PICTURE) -> Path:
    """The top of a report as a PNG of 256 colours."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("chromium is needed to take the picture")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        flags = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}"]
        subprocess.run([browser, *flags, f"--screenshot={shot}", report.resolve().as_uri()], check=True)  # noqa: S603  # our own report
        picture.parent.mkdir(exist_ok=True)
        with Image.open(shot) as image:
            image.convert("RGB").quantize(256).save(picture, optimize=True)
    return picture


if __name__ == "__main__":
    made = take(Path(sys.argv[1]))
    print(f"{made} ({made.stat().st_size // 1000} kB)")
