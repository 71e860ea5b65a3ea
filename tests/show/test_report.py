"""The report says what must be said, in one file, and nothing in it can be anything but text."""

import dataclasses
import re
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import Example, FlowStep, SplitSummary, Training
from pulsewise.judge.score import Settings
from pulsewise.show.report import render, report, stylesheet

GLUCOSE = Task("glucose", (Target("glucose", "mg/dL", 20, 600),))
INJECTIONS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "$\\frac{1}{0}$",
    "]]><!--",
)
VOID = {"meta", "link", "br", "img", "hr", "input", "image", "use", "path"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.ids, self.open, self.text = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def examples(person="P1"):
    wave = tuple(np.sin(np.arange(100) / 8).tolist())
    return tuple(
        Example(group, k, person, 7 * k, 0.0, 120.0, 100.0, 0.8, 10.0, wave)
        for group in ("worst", "median", "best")
        for k in range(3)
    )


def evaluation(rows, *, person="P1", settings=None, **more):
    result = judge_rows(
        rows,
        GLUCOSE,
        settings or Settings(resamples=100),
        **{
            "flow": [FlowStep("usable and labelled", 480, 12, 36, {"low_quality": 3})],
            "split": SplitSummary("by-person", False, 1, "No person is on two sides."),
            "training": [Training((1, 2), (1.0, 0.5), (20.0, 18.0), "MAE, mg/dL", 2)],
            "provenance": {"recipe": "seed = 7\n", "command": "pulsewise run x.toml"},
            **more,
        },
    )
    parts = tuple(dataclasses.replace(p, examples=examples(person)) for p in result.quantities)
    return dataclasses.replace(result, quantities=parts)


@pytest.fixture
def rows(make_rows):
    return make_rows(people=12, gain=0.5)


def test_verdict_first_then_flow_split_controls_accuracy(rows):
    result = evaluation(rows)
    text = render(result, rows)
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", text)
    assert headings == [
        result.verdict.headline + ".",
        "Who and what was judged",
        "How people were divided",
        "Beside predictors without skill",
        "Accuracy",
        "Agreement",
        "The references",
        "Clinical standards",
        "Following changes within a person",
        "Person by person",
        "By range and subgroup",
        "Intervals and abstention",
        "The worst windows, drawn",
        "Training",
        "What is not assessed here",
        "Reporting checklists and clauses",
        "Where these figures come from",
    ]
    text = text.replace("\u00a0", " ")
    for words in ("Not a medical device", result.verdict.sentence.partition(";")[0], "the training median",
                  "heart rate only", "Oracles", "pulsewise run x.toml"):  # fmt: skip
        assert words in text


def test_one_file_without_scripts_or_requests(rows, tmp_path):
    out = report(evaluation(rows), rows, tmp_path / "report.html")
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    assert len(text) < 3_000_000
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith(("#", "data:image/png")), (tag, name, value)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", text)


def test_it_can_be_read_without_eyes(rows):
    text = render(evaluation(rows), rows)
    page = Page(text)
    assert ("html", "lang", "en") in page.attributes
    assert len(page.ids) == len(set(page.ids))
    assert text.count("<table") == text.count("<caption")
    assert all(v for tag, k, v in page.attributes if tag == "svg" and k == "aria-label")
    assert page.tags.count("svg") == sum(tag == "svg" and k == "aria-label" for tag, k, _ in page.attributes)
    assert all(re.search(r'scope="', cell) for cell in re.findall(r"<th\b[^>]*>", text))
    anchors = [v[1:] for tag, k, v in page.attributes if tag == "a" and k == "href"]
    assert set(anchors) <= set(page.ids)
    headings = [int(t[1]) for t in page.tags if re.fullmatch(r"h[1-6]", t)]
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))


def test_names_stay_text(make_rows):
    """RELIABILITY.md row 39: whatever a person, channel, recipe or reason is called, it is text on the page."""
    nasty = " ".join(INJECTIONS)
    rows = make_rows(people=8, gain=0.5, names=lambda p: f"{INJECTIONS[p % len(INJECTIONS)]}{p}")
    result = evaluation(
        rows,
        person=nasty,
        settings=Settings(resamples=50, keep_ids=True),
        name=nasty,
        model=nasty,
        provenance={"recipe": nasty, "command": nasty, nasty: nasty},
        flow=[FlowStep(nasty, 1, 1, 1, {nasty: 1})],
        split=SplitSummary(nasty, False, 1, nasty),
    )
    page = Page(render(result, rows))
    assert not {"script", "img", "iframe"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    said = "".join(page.text)
    assert said.count(nasty) >= 5
    for p in range(8):
        assert f"{INJECTIONS[p % len(INJECTIONS)]}{p}" in said  # a line each in the table of people


@pytest.mark.parametrize(("stamp", "words"), [("synthetic", "Simulated people"), ("leaky-random", "Leaky split")])
def test_stamps_cannot_be_missed(rows, stamp, words):
    text = render(evaluation(rows, stamps=[stamp]), rows)
    assert text.index(f"<strong>{words}.</strong>") < text.index("<h1")
    assert words not in render(evaluation(rows), rows)


def test_no_standard_is_ever_passed(rows):
    text = "".join(Page(render(evaluation(rows), rows)).text)
    assert not re.search(r"\bpass(ed|es)?\b", text, re.IGNORECASE)
    assert not re.search(r"\bvalidated\b", text, re.IGNORECASE)


def test_people_are_numbers_unless_their_names_are_kept(make_rows):
    rows = make_rows(people=8, names="Zebedee{}".format)
    assert "Zebedee" not in render(evaluation(rows), rows)


def test_the_same_result_gives_the_same_bytes_and_no_global_state_changes(rows):
    before = dict(mpl.rcParams)
    result = evaluation(rows)
    assert render(result, rows) == render(result, rows)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("people", [0, 1, 2])
def test_hardly_anybody_is_still_a_report(make_rows, people):
    rows = make_rows(people=max(people, 1), readings=1, windows=1).slice(0, people)
    text = render(evaluation(rows), rows)
    assert not re.search(r"\b(nan|inf|None)\b", "".join(Page(text).text))


def test_rows_without_people_or_signals(make_rows):
    rows = make_rows(people=8, gain=0.5).select(["reference", "estimate"])
    result = judge_rows(rows, GLUCOSE, Settings(resamples=20))
    said = "".join(Page(render(result, rows)).text)
    assert "do not say who is who" in said
    assert "came without signals" in said


def test_a_dense_scatter_is_an_image_and_the_report_stays_small(make_rows):
    rows = make_rows(people=100, readings=40, windows=1, gain=0.5)
    text = render(evaluation(rows), rows)
    assert "data:image/png" in text
    assert len(text) < 3_000_000


def test_a_full_disk_leaves_the_old_report(rows, tmp_path, monkeypatch):
    out = report(evaluation(rows), rows, tmp_path / "report.html")
    before = out.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError) as caught:
        report(evaluation(rows, name="new"), rows, out)
    assert caught.value.code == "disk"
    assert str(tmp_path) not in str(caught.value)
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_two_quantities_share_a_headline_and_have_a_sentence_each(make_rows):
    task = Task("pressure", (Target("sbp", "mmHg", 40, 300), Target("dbp", "mmHg", 20, 200)))
    rows = pa.concat_tables([make_rows(people=8, gain=0.6, quantity=q) for q in ("sbp", "dbp")])
    page = Page(render(judge_rows(rows, task, Settings(resamples=50)), rows))
    assert page.tags.count("h1") == 1
    said = "".join(page.text)
    assert "systolic and diastolic pressure" in said
    assert said.count("Mean absolute error") == 2
    assert len(page.ids) == len(set(page.ids))


def contrast(one, two):
    """Contrast of two colours (#rrggbb or #rgb) as WCAG 2 defines it."""

    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
        channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_in_light_in_dark_and_on_paper():
    palettes = re.findall(r":root \{(.*?)\}", stylesheet(), re.DOTALL)
    assert len(palettes) == 3
    for palette in palettes:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", palette))
        for name in ("ink", "muted", "model", "control", "alert"):
            for ground in ("paper", "raised", "band"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["stamp"], colours["stamp-paper"]) >= 7


def test_rows_without_signals_list_their_worst_readings_and_clauses_name_their_tests(rows):
    result = judge_rows(rows, GLUCOSE, Settings(resamples=50))
    said = "".join(Page(render(result, rows)).text)
    assert "The readings with the largest error" in said
    assert "test_iso_15197_figures" in said
    assert "not reported" in said
    assert "test_iso_81060_2_criterion_1" not in said  # a clause of pressure


def test_on_paper_everything_is_unfolded(rows):
    result = evaluation(rows)
    assert "<details open><summary>11 clauses" in render(result, rows, whole=True)
    assert "<details open" not in render(result, rows)
