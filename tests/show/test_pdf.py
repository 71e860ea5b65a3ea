"""The report on paper: printed where a Chromium is, a reason where none is, nothing half written."""

from __future__ import annotations

import stat

import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.show import pdf

PAGE = "<!DOCTYPE html><html lang='en'><head><title>x</title></head><body><h1>Printed</h1></body></html>"


@pytest.mark.skipif(pdf.browser() is None, reason="no Chromium on this machine")
def test_a_page_is_printed(tmp_path):
    out = pdf.print_pdf(PAGE, tmp_path / "report.pdf")
    assert out.read_bytes().startswith(b"%PDF-")
    assert [p.name for p in tmp_path.iterdir()] == ["report.pdf"]


def test_without_a_browser_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PULSEWISE_BROWSER", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        pdf.print_pdf(PAGE, tmp_path / "report.pdf")
    assert (caught.value.code, caught.value.exit_status) == ("missing_dependency", 7)
    assert "chromium" in str(caught.value)


def test_a_browser_that_fails_leaves_nothing(tmp_path, monkeypatch):
    fake = tmp_path / "browser"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PULSEWISE_BROWSER", str(fake))
    with pytest.raises(PulsewiseError) as caught:
        pdf.print_pdf(PAGE, tmp_path / "report.pdf")
    assert caught.value.code == "environment"
    assert not (tmp_path / "report.pdf").exists()
