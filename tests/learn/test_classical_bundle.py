"""A classical model goes the way of every other, and its bundle needs no library to answer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from pulsewise.learn.train import train

WITHOUT = """
import sys
from pathlib import Path
import numpy as np
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
windows = Windows(np.load(sys.argv[2]), 25.0, ("ppg",))
print(*[repr(float(a)) for a in Bundle.load(Path(sys.argv[1])).predict_windows(windows).ravel()])
assert not {"sklearn", "torch"} & set(sys.modules)
"""


@pytest.mark.parametrize("kind", ["ridge", "forest"])
def test_a_classical_bundle_needs_neither_scikit_learn_nor_torch(
    memory, make_waves, split_people, make_recipe, tmp_path: Path, kind: str
) -> None:
    windows = make_waves(people=24, each=3)
    fold = split_people(windows, 12, 10)
    model = {"name": "classical", "kind": kind, "trees": 10}
    bundle = train(memory(windows), fold, make_recipe(model=model), tmp_path)
    assert bundle.facts.intervals.people == (10,) and bundle.facts.intervals.half_widths[0] > 0
    assert bundle.features_of(windows).shape[0] == len(windows)
    np.save(tmp_path / "w.npy", windows.samples)
    arguments = [str(tmp_path / "bundle"), str(tmp_path / "w.npy")]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]
    answers = [float(a) for a in done.stdout.split()]
    assert answers == pytest.approx(bundle.predict_windows(windows).ravel().tolist(), rel=1e-12)
