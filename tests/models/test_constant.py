import numpy as np
import pytest

from pulsewise.core.errors import ArtifactError
from pulsewise.core.windows import Windows
from pulsewise.models import constant

WINDOWS = Windows(np.zeros((4, 1, 8), np.float32), 10.0, ("ppg",))


def test_median_of_each_target_without_missing_labels() -> None:
    model = constant.build(constant.Config(outputs=2))
    model.fit(WINDOWS, np.array([[1, np.nan], [2, 5], [9, 7], [np.nan, np.nan]]), seed=0)
    assert model.predict(WINDOWS[:2]).tolist() == [[2, 6], [2, 6]]
    back = constant.build(constant.Config(outputs=2))
    back.restore(model.state())
    assert np.array_equal(back.predict(WINDOWS), model.predict(WINDOWS))


@pytest.mark.parametrize("state", [{}, {"median": np.zeros(3)}, {"median": np.zeros(2), "more": np.zeros(1)}])
def test_a_state_of_another_kind_is_refused(state: dict) -> None:
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        constant.build(constant.Config(outputs=2)).restore(state)
