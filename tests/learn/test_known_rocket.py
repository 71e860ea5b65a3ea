"""Random convolutions on real fingers: what they reach by person, and that it is neither lost nor too good."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.known_answers
@pytest.mark.real_data
def test_pressure_of_new_people_is_found_better_than_by_demographics(real_data: Path, tmp_path: Path) -> None:
    from pulsewise.cli.run import run_recipe

    settings = ["model.kernels=500"]
    run = run_recipe(ROOT / "recipes/pressure-rocket.toml", data=real_data, out=tmp_path / "run", settings=settings)
    for part, low, high in zip(run.result().quantities, (10.5, 6.5), (13.2, 8.7), strict=True):
        assert part.scores[0].people == 142
        assert low < part.scores[0].numbers["mae"].value < high, part.title
