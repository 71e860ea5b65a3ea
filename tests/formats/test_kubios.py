"""RR intervals as text: in seconds or milliseconds, in lines or in one line, alone or with their times."""

from pathlib import Path

import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.data.open import detect
from pulsewise.formats import kubios

MS = [800, 810, 790, 805, 20, 815]
EXPECTED = [(0.8, 0.8), (1.61, 0.81), (2.4, 0.79), (3.205, 0.805), (4.04, 0.815)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(str, MS)),
        "\r\n".join(str(v / 1000) for v in MS) + "\r\n",
        "RR [ms]\n" + "\n".join(map(str, MS)),
        " ".join(map(str, MS)),
        "\n".join(f"{v / 1000}".replace(".", ",") for v in MS),
        "# comment\n" + "\n".join(map(str, MS)),
    ],
    ids=["ms", "s", "header", "one line", "decimal comma", "comment"],
)
def test_intervals_are_events(tmp_path: Path, text: str) -> None:
    path = tmp_path / "RR.txt"
    path.write_text(text)
    assert detect(path).format == "kubios"
    (recording,) = kubios.read(path)
    assert [(round(e.time, 4), round(e.duration, 4)) for e in recording.events] == EXPECTED
    assert {e.kind for e in recording.events} == {"ibi"} and not recording.signals and not recording.references
    assert sum(n.count for n in recording.provenance.notes if n.code == "impossible_value") == 1


def test_times_beside_the_intervals(tmp_path: Path) -> None:
    (tmp_path / "a_ibi.csv").write_text("10.80;0.800\n11.61;0.810\n12.40;0.790\n14.5;0.8\n" + "15.3;0.8\n16.1;0.8\n" * 1
                                        + "".join(f"{16.9 + 0.8 * i:.1f};0.8\n" for i in range(10)))  # fmt: skip
    (recording,) = kubios.read(tmp_path / "a_ibi.csv")
    assert [round(e.time, 2) for e in recording.events[:4]] == [0.8, 1.61, 2.4, 4.5]


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty_recording"), ("a b c\n1 2 3\n", "malformed"), ("5\n6\n7\n", "unit"), ("\n\n", "empty_recording")],
)
def test_what_is_no_interval(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "rr.txt").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        kubios.read(tmp_path / "rr.txt")
    assert caught.value.code == code


def test_a_table_of_samples_is_not_taken_for_intervals(tmp_path: Path) -> None:
    (tmp_path / "ppg.csv").write_text("\n".join(str(v) for v in MS * 5))
    assert detect(tmp_path / "ppg.csv").format == "csv"


def test_real_intervals(real_data: Path) -> None:
    path = real_data / "welltory-ppg" / "raw" / "data" / "subject_01" / "RR.txt"
    assert detect(path).format == "kubios"
    (recording,) = kubios.read(path)
    assert 50 < len(recording.events) < 200 and 60 < recording.events[-1].time < 120
