"""Whole ways through the pages: by keyboard from a file to a report, beats by hand, two columns, live, other units."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulsewise.deploy.serve.estimates import can_explain

pytestmark = pytest.mark.xdist_group("page")


def test_by_keyboard_alone_from_a_file_to_the_report(tab: Callable[..., Any], finger: Path) -> None:
    one = tab(reduced_motion="reduce")
    choosers: list[Any] = []
    one.open.on("filechooser", lambda chooser: choosers.append(chooser))
    one.go("/")
    one.focus("files")
    one.open.keyboard.press("Enter")
    for _ in range(100):
        if not choosers:
            one.open.wait_for_timeout(100)
    choosers[0].set_files(finger)
    one.open.wait_for_url("**/recordings/*", timeout=60_000)
    one.settled()
    one.focus("model")
    one.open.keyboard.type("small")
    one.until(lambda s: s["quantity"] == "model:glucose")
    one.focus("view")
    one.open.keyboard.press("+")
    one.until(lambda s: s["t1"] - s["t0"] < 30)
    one.focus("result-link")
    one.open.keyboard.press("Enter")
    one.open.wait_for_url("**/result*")
    one.get("quantity-glucose").wait_for()
    for second, value in ((5, 98), (25, 104), (55, 99)):
        one.focus("ref-time", "Shift+Tab" if second > 5 else "Tab")
        one.open.keyboard.press("Control+A")
        one.open.keyboard.type(str(second))
        one.focus("ref-value")
        one.open.keyboard.type(str(value))
        one.open.keyboard.press("Enter")
        one.get("references").get_by_text(f"{value} mg/dL").wait_for()
    one.focus("make-report")
    one.open.keyboard.press("Enter")
    one.get("open-report").wait_for(timeout=60_000)
    one.accessible()
    one.shot("way-result-report")
    one.focus("open-report")
    one.open.keyboard.press("Enter")
    one.open.wait_for_url("**/reports/*")
    frame = one.open.frame_locator("[data-testid=report]")
    frame.get_by_text("Not a medical device").first.wait_for()
    moving = "() => document.getAnimations().filter((a) => a.playState === 'running').length"
    assert one.open.evaluate(moving) == 0
    one.looks("report", again=True)
    pressed = (
        "document.querySelector('#report').contentWindow.print = () => (window.printed = (window.printed || 0) + 1)"
    )
    one.open.evaluate(f"() => {{ {pressed} }}")
    one.focus("print")
    one.open.keyboard.press("Enter")
    assert one.open.evaluate("() => window.printed") == 1
    one.focus("alone")
    one.open.keyboard.press("Enter")
    one.open.wait_for_url("**/api/reports/*")
    on_paper(one)
    one.clean()


def on_paper(tab: Any) -> None:
    """Printed from a dark screen a report is light, without what is only for a screen, and its pages are numbered."""
    tab.open.emulate_media(media="print", color_scheme="dark")
    look = """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
                     getComputedStyle(document.querySelector("nav")).display]"""
    assert tab.open.evaluate(look) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", "none"]
    content = tab.open.pdf(prefer_css_page_size=True)
    assert content.startswith(b"%PDF-") and 4 < content.count(b"/Type /Page\n") < 20


def test_a_beat_is_removed_by_hand_with_who_and_why_and_everything_is_computed_again(
    tab: Callable[..., Any], finger: Path
) -> None:
    one = tab()
    one.upload(finger)
    before = one.settled()["beats"]
    one.get("edit").click()
    assert one.open.evaluate("() => document.activeElement.id") == "view"
    for key in ("b", "b", "Enter"):
        one.open.keyboard.press(key)
    assert one.until(lambda s: s["pending"])["pending"] == {"add": 0, "remove": 1}
    one.accessible()
    one.shot("way-beats")
    one.get("who").fill("A. Reader")
    one.get("why").fill("an artefact <b>here</b>")
    one.get("apply").click()
    after = one.until(lambda s: s["edits"] == 1 and not s["measuring"])
    assert after["beats"] == before - 1 and after["pending"] is None
    trail = one.get("trail")
    trail.get_by_text("A. Reader").wait_for()
    assert "<b>here</b>" in trail.inner_text()
    one.get("model").select_option("small-glucose")
    one.get("windows").get_by_text("Thick: their mean").wait_for(timeout=60_000)
    one.accessible()
    one.shot("way-model")
    one.clean()


def test_two_columns_are_judged_with_no_model(tab: Callable[..., Any]) -> None:
    one = tab()
    one.go("/compare")
    one.get("judge").click()
    one.get("problem").wait_for()
    rng = random.Random(2)
    pairs = [f"p{i % 10},{80 + 80 * rng.random():.0f},{90 + 50 * rng.random():.0f}" for i in range(60)]
    one.get("pasted").fill("\n".join(["subject,reference,estimate", *pairs]))
    one.get("preview").get_by_text("reference").wait_for()
    one.get("judge").click()
    one.get("open-report").wait_for(timeout=90_000)
    assert "60 readings of 10 people" in one.get("verdict").inner_text()
    one.accessible()
    one.shot("way-compare")
    assert one.open.frame_locator("iframe").get_by_text("Clinical standards").count()
    one.clean()


def test_a_window_is_explained_over_the_signal(tab: Callable[..., Any], finger: Path) -> None:
    if not can_explain():
        pytest.skip("explaining needs torch and captum: pip install 'pulsewise[explain]'")
    one = tab()
    one.upload(finger)
    one.settled()
    assert "No model is chosen" in one.get("explanation").inner_text()
    one.focus("model")
    one.open.keyboard.type("ridge")
    one.focus("explain")
    one.open.keyboard.press("Enter")
    picture = one.get("explained")
    picture.wait_for(timeout=60_000)
    assert "Glucose" in picture.inner_text() and "Blue raises the answer" in picture.inner_text()
    assert "model" in one.get("about-model").inner_text()
    shades = """(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const found = { blue: 0, orange: 0 };
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 2] - data[i] > 100) found.blue += 1;
        if (data[i] - data[i + 2] > 100) found.orange += 1;
      }
      return found; }"""
    shaded = picture.locator("canvas").evaluate(shades)
    assert min(shaded.values()) > 500, "shaded by how much each part moves the answer, and which way"
    one.looks("way-explained", again=True)
    one.clean()


def test_units_are_those_chosen_on_every_page(tab: Callable[..., Any], finger: Path) -> None:
    one = tab()
    path = one.upload(finger)
    one.go(f"{path}/result?model=small-glucose")
    body = one.get("quantity-glucose")
    body.wait_for(timeout=60_000)
    milligrams = float(body.locator("dd").first.inner_text().split()[0])
    one.open.get_by_role("radio", name="mmol/L").check()
    body.get_by_text("mmol/L").first.wait_for()
    assert float(body.locator("dd").first.inner_text().split()[0]) == pytest.approx(
        milligrams / 18.0156, abs=0.1
    )  # of a rounded value
    one.go("/models/small-glucose")
    assert one.open.get_by_role("radio", name="mmol/L").is_checked()
    one.clean()
