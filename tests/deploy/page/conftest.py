"""A server in a process of its own and one browser, for all tests of the pages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
SHOTS = ROOT / "test-artifacts" / "pages"
WIDTHS = (390, 1280)
HOW = "as root: apt-get install chromium; then `make test` again"

RECIPE = """
name = "small glucose"
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 60
sessions = 1
windows = 2
[condition]
band = [0.5, 8.0]
rate = 20
[label]
how = "constant"
[split]
train = 0.5
validation = 0.4
test = 0.1
[task]
name = "glucose"
[model]
name = "constant"
"""
RIDGE = (
    RECIPE.replace("small", "ridge")
    .replace("people = 60", "people = 12")
    .replace('name = "constant"', 'name = "classical"\nkind = "ridge"')
)


def needs(what: str) -> None:
    """Skip, saying what to do; on CI fail: there the pages must be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        needs(f"the tests of the pages did not run: there is no Chromium ({HOW})")
    return str(found)


@pytest.fixture(scope="session")
def drawing() -> None:
    """What draws curves; a checkout that was never installed gets it now, as `pip install -e .` would."""
    from pulsewise.deploy.serve import pages

    if not pages.can_draw():
        done = subprocess.run(
            [sys.executable, "setup.py", "-q", "build_page"], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        if not pages.can_draw():
            needs(f"uPlot is not there: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: a training median, a regression on features, and one whose training goes on."""
    import pulsewise

    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.toml").write_text(RECIPE)
    pulsewise.run(folder / "small.toml", out=folder / "small-run")
    (folder / "ridge.toml").write_text(RIDGE)
    pulsewise.run(folder / "ridge.toml", out=folder / "ridge-run", until="train")
    going = folder / "going" / "folds" / "0" / "training"
    going.mkdir(parents=True)
    (folder / "going" / "run.json").write_text('{"name": "going", "stages": {}}')
    rows = [f"{epoch},{epoch * 2},{1 / epoch:.3f},{34 + 3 / epoch:.3f}\n" for epoch in range(1, 8)]
    (going / "history.csv").write_text("epoch,step,train_loss,val_mae_glucose\n" + "".join(rows))
    return folder


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a server in a process of its own, with these arguments; its log is in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pulsewise", "serve", "--port", str(port), *arguments]
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=lines)
        try:
            url = f"http://127.0.0.1:{port}"
            ends = time.monotonic() + 60
            while not ready(url):
                assert process.poll() is None and time.monotonic() < ends, log.read_text()[-2000:]
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def server(drawing: None, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with two models."""
    bundles = (str(runs / "small-run"), str(runs / "ridge-run"))
    with serving(tmp_path_factory.mktemp("server"), *bundles, "--runs", str(runs)) as url:
        yield url


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that asks for a token, and the token."""
    token = "k7Qw" * 6 + "Zy9"
    folder = tmp_path_factory.mktemp("locked")
    (folder / "token").write_text(token)
    with serving(folder, "--token-file", str(folder / "token")) as url:
        yield url, token


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for each file of tests: while it runs, this process has an event loop and no other can be started."""
    try:
        from playwright import sync_api as api
    except ImportError:
        needs("the tests of the pages did not run: pip install 'pulsewise[dev]'")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


class Tab:
    """A page of the browser that remembers what went wrong in it, and where it asked."""

    def __init__(self, browser: Any, server: str, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(**options)
        self.server = server
        self.open = self.context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.expected: list[str] = []
        self.open.on("console", self._said)
        self.open.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.open.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.open.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in self.expected):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.server, "blob:", "data:", "about:")):
            self.elsewhere.append(request.url)

    def go(self, path: str) -> None:
        self.open.goto(self.server + path)

    def get(self, name: str) -> Any:
        return self.open.get_by_test_id(name)

    def plot(self) -> dict[str, Any]:
        return self.open.evaluate("() => (window.__plot && window.__plot.state()) || {}")

    def until(self, what: Callable[[dict[str, Any]], Any], seconds: float = 60) -> dict[str, Any]:
        """Wait until the model of the plot is so."""
        ends = time.monotonic() + seconds
        state = self.plot()
        while not (state and what(state)):
            assert time.monotonic() < ends, (state, self.complaints)
            self.open.wait_for_timeout(50)
            state = self.plot()
        return state

    def settled(self) -> dict[str, Any]:
        """Wait until the recording is drawn and measured."""
        return self.until(
            lambda s: s.get("sharp") and s.get("measuring") is False and s.get("quality") and not s.get("loading")
        )

    def upload(self, path: Path) -> str:
        """Upload a file on the first page; the path of its recording."""
        self.go("/")
        self.get("files").set_input_files(path)
        self.open.wait_for_url("**/recordings/*", timeout=60_000)
        return self.open.url.removeprefix(self.server).partition("?")[0]

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.open.evaluate("() => scrollTo(0, 0)")
        self.open.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def accessible(self) -> None:
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.open)
        assert found.violations_count == 0, found.generate_report()

    def looks(self, name: str, *, again: bool = False) -> None:
        """It fits, is accessible, and has its picture taken, at both widths, in light and dark.

        `again`, for a page that was seen whole elsewhere: each width and each set of colours once.
        """
        for width in WIDTHS:
            self.open.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
            for scheme in ("light", "dark"):
                tried = (width > 500) == (scheme == "dark")  # both layouts and both sets of colours
                if again and not tried:
                    continue
                self.open.emulate_media(color_scheme=scheme)
                self.open.wait_for_timeout(60)
                self.shot(f"{name}-{scheme}-{width}")
                if tried:
                    self.accessible()
            self.fits()
        assert self.get("banner").is_visible()
        assert "PASS" not in self.open.inner_text("main")

    def focus(self, wanted: str, key: str = "Tab", most: int = 90) -> None:
        """Press Tab until the element with this test id has the focus."""
        for _ in range(most):
            if self.open.evaluate("() => document.activeElement && document.activeElement.dataset.testid") == wanted:
                return
            self.open.keyboard.press(key)
        raise AssertionError(f"{wanted} is not reached by {key}")

    def fits(self) -> None:
        assert self.open.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, "it scrolls sideways"

    def clean(self) -> None:
        """No complaint, and no request to another host."""
        assert (self.complaints, self.elsewhere) == ([], [])


@pytest.fixture
def tab(browser: Any, server: str) -> Iterator[Callable[..., Tab]]:
    """Makes tabs, and closes them."""
    made: list[Tab] = []

    def make(**options: Any) -> Tab:
        made.append(Tab(browser, options.pop("server", server), **options))
        return made[-1]

    yield make
    for one in made:
        one.context.close()


@pytest.fixture(scope="session")
def finger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a simulated pulse, with ten seconds missing and a long name that a page must not read as HTML."""
    from pulsewise.simulate.continuous import recording

    signal = recording(60.0, heart_rate=72.0, rate=64.0, seed=4).recording.signals[0]
    rows = [f"{t:.6f},{v:.1f},1" for t, v in zip(signal.times, signal.samples, strict=True) if not 30 <= t < 40]
    path = (
        tmp_path_factory.mktemp("finger")
        / "a rather long name of a recording <img src=x onerror=alert(1)> 2026-01-05.csv"
    )
    path.write_text("time,ppg,<b onclick=alert(2)>=1+1</b>\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four hours at 64 Hz: ten simulated minutes again and again, with one peak that no screen may lose."""
    from pulsewise.core.recording import Provenance, Recording, Signal
    from pulsewise.formats import npz
    from pulsewise.simulate.continuous import recording

    minutes = recording(600.0, heart_rate=68.0, rate=64.0, seed=6).recording.signals[0].samples
    samples = np.tile(minutes, 144)
    samples[64 * 3600 * 7] = 200_000.0
    valid = np.ones(len(samples), dtype=bool)
    valid[64 * 3600 * 9 : 64 * 3600 * 10] = False
    signal = Signal("ppg", "ppg", "a.u.", 64.0, samples, valid)
    path = tmp_path_factory.mktemp("day") / "day.npz"
    npz.write(Recording("day", (signal,), synthetic=True, provenance=Provenance("simulated")), path)
    return path
