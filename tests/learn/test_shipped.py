"""The encoder that comes with the package: small, whole, of the recordings it may be of, with their licence."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core import config
from pulsewise.learn import pretrained, recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.mark.parametrize("name", pretrained.shipped())
def test_it_is_small_and_of_recordings_that_may_be_used(name: str) -> None:
    folder = pretrained.SHIPPED / name
    assert {path.name for path in folder.iterdir()} == {"encoder.safetensors", "checkpoint.json", "README.md", "NOTICE"}
    assert (folder / "encoder.safetensors").stat().st_size <= 5_000_000
    found = pretrained.load(name).facts
    titles = [source.partition(";")[0].partition(":")[0] for source in found.sources]
    assert titles == ["Stress-Predict", "Simulated people"]
    assert found.synthetic and len(found.told.people) == 48
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    assert "MIT License" in notice and "Copyright (c) 2022 Talha Iqbal" in notice
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Stress-Predict" in card and "NOTICE" in card and "Not a medical device" in card


@pytest.mark.parametrize("name", pretrained.shipped())
def test_its_recipe_is_the_one_it_says(name: str) -> None:
    made, facts = recipe.load(RECIPES / f"{name}.toml"), pretrained.load(name).facts
    own = config.to_table(made.pretrain)
    assert facts.told.table.items() <= own.items() and facts.told.epochs == made.pretrain.last
    assert (facts.model, facts.config["depth"], facts.config["width"]) == ("siamquality", 18, 48)
    assert (facts.rate, facts.length, facts.channels) == (made.condition.rate, 1200, ("ppg",))


def test_siamquality_18_is_the_published_encoder_of_depth_18() -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.learn.network import forward, start
    from pulsewise.learn.train_config import Config
    from pulsewise.models import siamquality

    found = pretrained.load("siamquality-18")
    net = siamquality.build(siamquality.Config())
    start.begin(net, found.arrays, Config())
    assert sum(p.numel() for p in net.encoder.parameters()) == 2_167_632
    x = torch.randn(16, 1, 1200, generator=torch.Generator().manual_seed(0)).numpy()
    features = forward.features(net.eval(), x)
    assert features.shape == (16, 384) and np.isfinite(features).all() and features.std(0).mean() > 1e-3
