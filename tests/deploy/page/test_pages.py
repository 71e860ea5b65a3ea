"""Every page at two widths, in light and dark: it fits, is accessible, complains of nothing and asks nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("page")

ROOT = Path(__file__).resolve().parents[3]
PLAIN = {
    "home": "/",
    "compare": "/compare",
    "live": "/live",
    "models": "/models",
    "model": "/models/small-glucose",
    "runs": "/runs",
    "run": "/runs/small-run",
    "run-report": "/runs/small-run/report",
    "api": "/docs",
    "about": "/about",
    "login": "/login",
    "nowhere": "/nowhere",
    "gone": "/recordings/0123456789abcdef",
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_page_is_whole_at_two_widths_in_light_and_dark(name: str, tab: Callable[..., Any]) -> None:
    one = tab()
    one.expected += ["404"] if name in ("gone", "nowhere") else []
    one.go(PLAIN[name])
    one.open.wait_for_load_state("networkidle")
    one.looks(name)
    assert one.get("busy").count() == 0
    one.clean()


def test_a_training_that_goes_on_is_followed(tab: Callable[..., Any]) -> None:
    one = tab()
    one.go("/runs/going")
    one.get("progress").get_by_text("7 epochs in 1 fold, still training").wait_for()
    one.looks("training")
    one.clean()


def test_the_viewer_and_the_result_are_whole_and_a_name_is_never_markup(tab: Callable[..., Any], finger: Path) -> None:
    one = tab()
    path = one.upload(finger)
    one.settled()
    assert "<img" in one.get("name").inner_text()
    assert "<b onclick" in one.get("detected").inner_text()
    one.looks("recording")
    one.go(f"{path}/result?model=small-glucose")
    one.get("quantity-glucose").wait_for(timeout=60_000)
    one.get("vitals").get_by_text("Heart rate").first.wait_for()
    one.looks("result")
    one.clean()


def test_without_what_draws_the_pages_say_so_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from pulsewise.deploy.serve import pages

    monkeypatch.setattr(pages, "can_draw", lambda: False)
    text = bytes(pages.page("recording", wants_plots=True, quantities=()).body).decode()
    assert "uPlot" in text and "build_page" in text and "vendor" not in text


def test_colours_are_named_in_one_file() -> None:
    import re

    import pulsewise

    home = Path(pulsewise.__file__).parent
    sheets = [*home.glob("**/static/*.css"), *home.glob("show/*.css")]
    assert [path.name for path in sheets if re.search(r"#[0-9a-fA-F]{3,8}\b", path.read_text())] == ["tokens.css"]


def test_every_reason_for_abstaining_has_words_on_the_page() -> None:
    from pulsewise.core.estimate import REASONS

    text = (ROOT / "src/pulsewise/deploy/page/static/words.js").read_text(encoding="utf-8")
    assert not [code for code in REASONS if f" {code}: " not in text]
