"""What the pages need is in the package, comes from npm unchanged, and its absence is said."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import os
import re
import tarfile
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "src/pulsewise/deploy/page"


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_of_pulsewise", ROOT / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def npm_that(folder: Path, does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An npm on the path that does something else."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{does}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def archive_of(build: ModuleType, path: Path) -> str:
    """An archive with the right files in it; its hash as npm writes it."""
    with tarfile.open(path, "w:gz") as packed:
        for name in build.FILES:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            packed.addfile(member, io.BytesIO(name.encode()))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def test_what_npm_brings_is_kept_with_its_licence_and_fetched_once(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrity = archive_of(build, tmp_path / "a.tgz")
    monkeypatch.setattr(build, "INTEGRITY", integrity)
    copy = f'while [ "$1" != --pack-destination ]; do shift; done; cp {tmp_path}/a.tgz "$2/uplot.tgz"'
    npm_that(tmp_path / "bin", copy, monkeypatch)
    assert not build.there(tmp_path / "vendor")
    build.fetch(tmp_path / "vendor")
    assert build.there(tmp_path / "vendor")
    assert json.loads((tmp_path / "vendor" / build.STAMP).read_text())["licence"] == "MIT"
    assert (tmp_path / "vendor/uPlot-LICENSE.txt").is_file()
    (tmp_path / "vendor/uPlot.min.css").write_text("changed")
    assert not build.there(tmp_path / "vendor")


def test_another_archive_than_the_pinned_one_is_refused(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_of(build, tmp_path / "a.tgz")
    copy = f'while [ "$1" != --pack-destination ]; do shift; done; cp {tmp_path}/a.tgz "$2/uplot.tgz"'
    npm_that(tmp_path / "bin", copy, monkeypatch)
    with pytest.raises(Exception, match="not the one that is pinned"):
        build.fetch(tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_without_a_registry_it_is_said_what_to_do(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm_that(tmp_path / "bin", "echo 'npm error code ECONNREFUSED' >&2; exit 1", monkeypatch)
    with pytest.raises(Exception, match=r"ECONNREFUSED.*build_page"):
        build.fetch(tmp_path / "vendor")


def test_every_file_of_the_pages_goes_into_the_wheel_and_no_other_code_is_in_the_repository() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["pulsewise"]
    taken = {path for pattern in patterns for path in (ROOT / "src/pulsewise").glob(pattern)}
    assert {path for path in PAGE.rglob("*") if path.is_file()} <= taken
    assert "src/pulsewise/deploy/page/static/vendor/" in (ROOT / ".gitignore").read_text().splitlines()
    for path in (ROOT / "setup.py", *PAGE.glob("*/*.*")):
        if path.suffix in (".py", ".js", ".css", ".html"):
            assert not re.search(r"https?://(?!\{\{ host|127\.0\.0\.1|www\.w3\.org)", path.read_text()), path


def test_pages_hold_no_inline_script_or_style() -> None:
    for path in (PAGE / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", text), path
