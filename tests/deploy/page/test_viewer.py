"""The viewer: what it draws is what was recorded, moved by mouse, keys, touch and address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("page")


def test_a_day_pans_without_delay_and_loses_no_peak(tab: Callable[..., Any], day: Path) -> None:
    one = tab()
    one.upload(day)
    one.until(lambda s: s.get("sharp"))
    view = one.get("view")
    view.focus()
    one.open.keyboard.press("0")
    state = one.until(lambda s: s["t1"] - s["t0"] > 86_000 and s["sharp"] and s["high"] == 200_000)
    assert state["kind"] == "minmax"
    assert 500 < state["points"] < 12_000
    assert state["missing"] > 10 and state["gaps"] == 1
    one.open.keyboard.press("+")
    one.open.keyboard.press("+")
    one.open.keyboard.press("Home")
    one.until(lambda s: s["sharp"] and not s["loading"])
    before = one.plot()["drawn"]
    times = one.open.evaluate(
        """async () => {
          const view = window.__plot.view(), taken = [];
          for (let i = 0; i < 60; i++) {
            const begun = performance.now();
            view.pan(0.05);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            taken.push(performance.now() - begun);
          }
          return taken.sort((a, b) => a - b);
        }"""
    )
    state = one.until(lambda s: s["sharp"] and not s["loading"])
    assert state["drawn"] > before
    print(
        f"\n24 h at 64 Hz: a step of panning takes {times[30]:.0f} ms (median), {times[57]:.0f} ms (95th percentile); "
        f"drawing {state['last_ms']:.1f} ms, at most {state['slowest_ms']:.0f}; "
        f"{state['fetches']['requests']} requests, the slowest {state['fetches']['slowest_ms']:.0f} ms"
    )
    one.clean()


def test_mouse_keys_touch_and_address_move_the_same_view(tab: Callable[..., Any], finger: Path) -> None:
    one = tab(has_touch=True)
    path = one.upload(finger)
    state = one.settled()
    assert (state["t0"], state["t1"], state["channel"]) == (0, 30, "ppg")
    assert state["beats"] > 50 and state["gaps"] == 1 and state["quality"] == 60
    box = one.get("lane-wave").bounding_box()
    mouse = one.open.mouse
    mouse.move(box["x"] + 900, box["y"] + 60)
    mouse.down()
    mouse.move(box["x"] + 300, box["y"] + 60, steps=4)
    mouse.up()
    moved = one.until(lambda s: s["t0"] > 10)
    assert moved["t1"] - moved["t0"] == pytest.approx(30)
    one.open.keyboard.down("Control")
    mouse.wheel(0, -300)
    one.open.keyboard.up("Control")
    closer = one.until(lambda s: s["t1"] - s["t0"] < 20)
    one.get("view").focus()
    one.open.keyboard.press("End")
    end = one.until(lambda s: s["t1"] == s["end"])
    assert end["t1"] - end["t0"] == pytest.approx(closer["t1"] - closer["t0"])
    one.open.keyboard.press("Home")
    one.open.keyboard.press("n")
    bad = one.until(lambda s: s["t0"] > 0)
    assert bad["t0"] < 30.5 < bad["t1"] + 1
    one.open.wait_for_timeout(300)
    address = one.open.url
    assert "channel=ppg" in address and "t0=" in address
    one.go("/")
    one.open.goto(address)
    again = one.settled()
    assert again["t0"] == pytest.approx(one.plot()["t0"], abs=0.01)
    assert again["t0"] == pytest.approx(bad["t0"], abs=0.01)
    touch = one.open.context.new_cdp_session(one.open)

    def points(a: float, b: float) -> list[dict[str, float]]:
        return [{"x": box["x"] + x, "y": box["y"] + 80, "id": number} for number, x in enumerate((a, b))]

    for kind, where in (("touchStart", points(500, 600)), ("touchMove", points(400, 700)), ("touchEnd", [])):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
    pinched = one.until(lambda s: s["t1"] - s["t0"] < again["t1"] - again["t0"] - 0.1)
    assert pinched["t0"] >= 0
    assert path in address
    one.clean()


def test_several_channels_lie_under_each_other_on_the_same_time(tab: Callable[..., Any], tmp_path: Path) -> None:
    from pulsewise.formats import npz
    from pulsewise.simulate.continuous import recording

    npz.write(recording(60.0, channels=("ecg", "ppg"), rate=125.0, seed=4).recording, tmp_path / "two.npz")
    one = tab()
    one.upload(tmp_path / "two.npz")
    state = one.settled()
    (other,) = state["companions"]
    assert {state["channel"], other["channel"]} == {"ecg", "ppg"}, "the other one is there without being asked for"
    lane = one.get(f"lane-{other['channel']}")
    whole = one.until(lambda s: s["companions"][0]["points"] > 2000)
    box = lane.bounding_box()
    one.open.mouse.move(box["x"] + 900, box["y"] + 50)
    one.open.mouse.down()
    one.open.mouse.move(box["x"] + 500, box["y"] + 50, steps=4)
    one.open.mouse.up()
    one.until(lambda s: s["t0"] > whole["t0"] and not s["loading"])
    one.looks("viewer-two", again=True)
    one.focus("also-box")
    one.open.keyboard.press("Space")
    one.until(lambda s: s["companions"] == [])
    assert lane.count() == 0
    one.open.wait_for_timeout(300)
    one.open.reload()
    assert one.settled()["companions"] == [], "the address says what is shown"
    one.clean()
