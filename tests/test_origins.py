"""Statements of the published systems this work starts from, each checked on ours."""

from pathlib import Path
from typing import Any

import pytest


def parameters(net) -> int:  # a torch module, which may not be installed
    return sum(p.numel() for p in net.parameters())


# -- glucose: ResNet34-1D --------------------------------------------------------------------------------------

RESNET34 = {  # stage: (shape for a window of 500 samples, parameters)
    "conv1": ([64, 250], 448 + 128),
    "maxpool": ([64, 125], 0),
    "layer1": ([64, 125], 74_496),
    "layer2": ([128, 63], 379_136),
    "layer3": ([256, 32], 2_300_416),
    "layer4": ([512, 16], 4_463_616),
    "head": ([1], 513),
}


@pytest.mark.parametrize("length", [500, 1250])
def test_resnet34_has_7_218_753_parameters_at_any_length(length: int) -> None:
    pytest.importorskip("torch")
    from pulsewise.models import resnet

    net = resnet.build(resnet.Config())
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 7_218_753
    stages = {stage["name"]: stage for stage in net.stages(length)}
    assert {name: stage["parameters"] for name, stage in stages.items()} == {k: v[1] for k, v in RESNET34.items()}
    if length == 500:
        assert {name: stage["shape"] for name, stage in stages.items()} == {k: v[0] for k, v in RESNET34.items()}


def test_resnet34_costs_0_178_gmac_for_500_samples_and_14_mb_in_half_precision() -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.models import resnet

    net, work = resnet.build(resnet.Config()).eval(), 0

    def count(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal work
        work += output[0].numel() * module.weight[0].numel()

    for module in net.modules():
        if getattr(module, "weight", None) is not None and module.weight.ndim > 1:
            module.register_forward_hook(count)
    net.layout = "sequence"
    with torch.no_grad():
        net(torch.zeros(1, 1, 500))
    assert work == pytest.approx(0.178e9, rel=0.01)
    assert 2 * parameters(net) == pytest.approx(14e6, rel=0.05)


def test_resnet_takes_more_channels_and_other_depths_and_gives_its_512_features() -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.models import resnet

    def of(**options: Any) -> int:
        with torch.device("meta"):
            return parameters(resnet.build(resnet.Config(**options)))

    assert of(channels=3) == 7_218_753 + 2 * 64 * 7  # only the first convolution grows
    assert of(depth=18) < of(depth=34) < of(depth=50)
    assert resnet.build(resnet.Config()).eval().features(torch.zeros(2, 1, 333)).shape == (2, 512)


def test_the_refractory_rule_of_the_original_halves_fast_rates_and_ours_does_not() -> None:
    import numpy as np

    from pulsewise.signals.beats import find_beats

    for bpm in (60, 100, 140):
        time = np.arange(0, 20, 1 / 125)
        pulse = np.exp(3 * np.cos(2 * np.pi * bpm / 60 * time))
        found = {
            m: 60 / np.median(np.diff(find_beats(pulse, 125, method=m).time)) for m in ("auto", "refractory-800ms")
        }
        assert found["auto"] == pytest.approx(bpm, rel=0.02)
        assert found["refractory-800ms"] == pytest.approx(bpm if bpm < 75 else bpm / 2, rel=0.02)


def test_every_zone_of_the_clarke_grid_is_returned() -> None:
    """The original's code never said C or D."""
    import numpy as np

    from pulsewise.clinical.glucose_grids import clarke, shares

    reference, estimate = (grid.ravel() for grid in np.meshgrid(np.arange(20.0, 400), np.arange(20.0, 400)))
    assert {zone for zone, share in shares(clarke(reference, estimate)).items() if share > 0} == set("ABCDE")


def test_the_chain_of_the_original_is_a_preset_in_both_readings() -> None:
    from pulsewise.core.units import MGDL_PER_MMOLL
    from pulsewise.signals.condition import PRESETS

    code, text = PRESETS["glucose-original"], PRESETS["glucose-description"]
    assert (code.family, code.remove_mean, code.band, code.savgol_s) == ("butterworth", True, (0.5, 10.0), 0.05)
    assert text.band == (0.5, 8.0) and MGDL_PER_MMOLL == 18.0156


# -- pressure: LSTM --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "lstm", "head"),
    [
        ({}, 5_257_216, 172_545),
        ({"bidirectional": True}, 14_708_736, 303_617),
        ({"hidden": 128, "layers": 2}, 199_168, 8_321),
        ({"hidden": 256, "layers": 2}, 791_552, 41_217),
    ],
)
def test_pressure_lstm_has_the_parameters_of_the_module_that_was_run(options: dict, lstm: int, head: int) -> None:
    pytest.importorskip("torch")
    from pulsewise.models import lstm as plugin

    stages = {s["name"]: s["parameters"] for s in plugin.build(plugin.Config(**options)).stages(1250)}
    assert stages == {"lstm": lstm, "mean": 0, "head": head}
    assert options or lstm + head == 5_429_761
    assert not options.get("bidirectional") or lstm + head == 15_012_353


def test_the_recipe_trains_as_the_module_was_trained_but_for_what_it_says_was_reduced() -> None:
    from pulsewise.learn.recipe import load

    found = load(Path(__file__).resolve().parent.parent / "recipes" / "pressure-lstm.toml")
    train, model = found.train, found.model.config
    assert (model.hidden, model.layers, model.bidirectional) == (512, 3, False)
    assert (train.optimizer, train.lr, train.weight_decay, train.batch) == ("adam", 3e-4, 1e-4, 32)
    assert (train.schedule, train.step_epochs, train.factor, train.clip) == ("step", 40, 0.7, 1.0)
    assert found.window.normalise == "minmax" and found.build_task().quantities == ("sbp", "dbp")


def test_scaling_per_segment_knows_nothing_of_other_people() -> None:
    """The original scaled each time index across people: a segment then depends on who else is in the table."""
    import numpy as np

    from pulsewise.core.recording import Recording, Signal
    from pulsewise.data import window

    wave = 3 + np.sin(np.arange(520) / 9)
    cut = [
        window.cut(Recording("r", (Signal("ppg", "ppg", "a.u.", 25, gain * wave),)), window.Config(normalise="minmax"))
        for gain in (1.0, 40.0)
    ]
    assert np.allclose(cut[0].samples, cut[1].samples, atol=1e-5)
    assert cut[0].samples.min() == 0 and cut[0].samples.max() == 1


def test_two_of_the_three_published_versions_belong_to_one_spread_of_the_targets() -> None:
    """RMSE / sqrt(1 - r^2) is the targets' SD where nothing is biased; the middle version's figures do not fit it."""
    versions = {"2 x 128": (0.246, 13.97), "2 x 256": (0.385, 14.39), "3 x 512": (0.498, 12.50)}
    spread = {name: rmse / (1 - r**2) ** 0.5 for name, (r, rmse) in versions.items()}
    assert spread["2 x 128"] == pytest.approx(14.41, abs=0.02) == spread["3 x 512"]
    assert spread["2 x 256"] > 15.5


# -- hypoglycaemia: CNN-LSTM with attention ------------------------------------------------------------------------


def test_the_published_counts_give_the_published_figures_and_one_that_was_rounded_up() -> None:
    from pulsewise.clinical.detection import Confusion

    c = Confusion(tn=4273, fp=44, fn=96, tp=150)
    other = Confusion(tn=150, fp=96, fn=44, tp=4273)  # class 0 as the one asked for
    published = {c.accuracy: 0.969, c.majority_accuracy: 0.946, c.precision: 0.773, c.sensitivity: 0.610}
    published |= {c.f1: 0.682, (c.f1 + other.f1) / 2: 0.833, c.balanced_accuracy: 0.800, c.mcc: 0.671}
    published |= {c.prevalence: 0.0539}
    for found, said in published.items():
        assert found == pytest.approx(said, abs=6e-4)
    assert 0.9775 < other.precision < 0.98  # "above 98 %"


@pytest.mark.parametrize("reading", ["raw", "patch", "fusion"])
def test_the_cnn_lstm_is_that_of_the_text_and_returns_its_attention(reading: Any) -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.models import cnn_lstm

    net = cnn_lstm.build(cnn_lstm.Config(reading=reading)).eval()
    convolutions = [m for m in net.cnn.modules() if type(m).__name__ == "Conv1d"]
    assert [(c.out_channels, c.kernel_size[0]) for c in convolutions] == [(32, 7), (64, 5)]
    assert net.lstm.hidden_size == 64 and net.dense.out_features == 32
    windows = torch.randn(2, 1, 2500)
    with torch.no_grad():
        weights = net.attention(windows)
    assert torch.allclose(weights.sum(1), torch.ones(2), atol=1e-5) and net(windows).shape == (2, 1)
    assert hasattr(net, "autoencoder") == (reading != "raw")


def test_the_table_of_the_original_is_a_dataset_of_its_own_columns() -> None:
    from pulsewise.datasets import ecg_table

    head = ecg_table.HEAD.decode().split(",")
    assert len(head) == 2505 and head[2499:] == ["2499", "label", "patient_id", "day", "count", "glucose_values"]
    assert (ecg_table.RATE, ecg_table.SAMPLES / ecg_table.RATE) == (250, 10)


# -- SiamQuality -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "backbone", "features", "whole"),
    [
        (18, 2_167_632, 384, 2_826_064),
        (34, 4_067_088, 384, 4_725_520),
        (50, 8_987_856, 1536, 14_369_488),
        (101, 15_920_592, 1536, 21_302_224),
        (152, 21_632_208, 1536, 27_013_840),
    ],
)
def test_siamquality_encoders_have_the_parameters_of_the_table(
    depth: int, backbone: int, features: int, whole: int
) -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.models import siamquality

    with torch.device("meta"):
        net = siamquality.SimSiam(siamquality.Encoder(siamquality.Config(depth=depth)))
    assert (parameters(net.encoder), net.encoder.size, parameters(net)) == (backbone, features, whole)


def test_the_transformer_is_of_the_encoders_size_and_the_tiny_network_is_tiny() -> None:
    pytest.importorskip("torch")
    from pulsewise.models import tiny, transformer

    assert parameters(transformer.build(transformer.Config())) == pytest.approx(2_167_632, rel=0.03)
    largest = tiny.build(tiny.Config(channels=6, outputs=4))
    assert parameters(tiny.build(tiny.Config())) < parameters(largest) <= 10_000


def test_simsiam_stops_the_gradient_at_the_projections_and_is_symmetric() -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.learn.network import methods
    from pulsewise.models import siamquality

    plain = siamquality.build(siamquality.Config(width=4))
    made = methods.Siamese(methods.Backbone(plain, 1, 400), pretrain_config(projected=16, hidden=8)).double()
    x1, x2 = torch.randn(2, 6, 1, 400, dtype=torch.float64)
    (p1, z1), (p2, z2) = made.inner(x1), made.inner(x2)
    cosine = torch.nn.functional.cosine_similarity
    said, _ = made(x1, x2)
    expected = -(cosine(p1, z2).mean() + cosine(p2, z1).mean()) / 2
    assert said.item() == pytest.approx(expected.item(), rel=1e-5)
    for p, z in ((p1, z2), (p2, z1)):
        p.retain_grad(), z.retain_grad()
    methods.negative_cosine(p1, z2).backward()
    assert p1.grad is not None and z2.grad is None


def test_the_released_schedule_ends_at_1e_19_and_ours_does_not() -> None:
    from pulsewise.learn.pretrain_config import learning_rate

    released = pretrain_config(epochs=500, lr=1e-4, schedule="step", step_epochs=10, factor=0.5, batch=256)
    assert learning_rate(released, 499) == pytest.approx(1e-4 * 0.5**49) and learning_rate(released, 499) < 2e-19
    ours = pretrain_config(epochs=500, lr=0.05, batch=256)
    rates = [learning_rate(ours, epoch) for epoch in range(1, 500)]
    assert rates[0] == max(rates) == 0.05 and rates[249] == pytest.approx(0.025, rel=0.02) and rates[-1] > 0


def test_a_healthy_embedding_spreads_by_one_over_the_root_of_its_size_and_a_collapsed_one_by_nothing() -> None:
    torch = pytest.importorskip("torch")
    from pulsewise.learn.network.methods import spread

    healthy = torch.randn(4096, 256, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(healthy, dim=1)
    assert float(unit.std(0).mean()) == pytest.approx(1 / 16, rel=0.02) and spread(healthy) == pytest.approx(
        1, rel=0.02
    )
    assert spread(torch.ones(64, 256)) == 0


def pretrain_config(**changes: Any) -> Any:
    from pulsewise.learn.pretrain_config import Config

    return Config(**changes)


# -- each origin's recipe, from recordings to report, small ------------------------------------------------------

SIMULATED = ["dataset.name=simulated", "dataset.people=9", "dataset.sessions=1", "dataset.windows=2"]
SMALL_RUNS = {
    "hypoglycemia-cnn-lstm": ["dataset.people=6", "dataset.sessions=10", "dataset.windows=1", "model.reading=fusion"],
    "pressure-lstm": [*SIMULATED, "label.how=nearest", "model.hidden=16"],
    "siamquality": [
        "dataset.people=10",
        "dataset.sessions=1",
        "dataset.windows=3",
        "model.width=4",
        "pretrain.epochs=1",
        "pretrain.batch=8",
        "pretrain.curriculum_epochs=1",
    ],
    "pressure-rocket": [*SIMULATED, "label.how=nearest", "model.kernels=20"],
}


@pytest.mark.parametrize("name", SMALL_RUNS)
def test_the_recipe_runs_to_its_report(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from pulsewise.cli.run import run_recipe
    from pulsewise.learn.bundle import Bundle

    recipe = Path(__file__).resolve().parent.parent / "recipes" / f"{name}.toml"
    less = ["split.folds=2", "train.epochs=1", "evaluate.resamples=50"]
    run = run_recipe(recipe, out=tmp_path / "run", settings=[*SMALL_RUNS[name], *less])
    assert (run.folder / "report.html").is_file()
    result, bundle = run.result(), Bundle.load(run.folder / "bundle")
    if name.startswith("hypoglycemia"):
        (part,) = result.quantities
        assert {"auroc", "auprc", "prevalence", "f1"} <= set(part.scores[0].numbers) and part.detection is not None
        assert bundle.facts.answer == "probability" and 0 < bundle.threshold() < 1
    elif name == "siamquality":
        assert [part.quantity for part in result.quantities] == ["heart_rate"]
        origin = bundle.facts.origin
        assert (origin.method, origin.how, origin.test_people_seen) == ("simsiam", "fine-tuning", 0) and origin.pairs
    else:
        assert [part.quantity for part in result.quantities] == ["sbp", "dbp"]
        assert all(part.scores[0].numbers["mae"].value > 0 for part in result.quantities)
    assert {"median", "time_of_day"} <= {control.name for control in result.quantities[0].controls}


@pytest.mark.soak
@pytest.mark.parametrize("preset", ["hypo_pos", "hypo_null"])
def test_the_cnn_lstm_finds_hypoglycaemia_in_new_people_where_the_ecg_shows_it_and_only_there(
    preset: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from pulsewise.cli.run import run_recipe

    recipe = Path(__file__).resolve().parent.parent / "recipes" / "hypoglycemia-cnn-lstm.toml"
    settings = [f"dataset.preset={preset}", "dataset.people=12", "dataset.windows=1", "train.epochs=12"]
    run = run_recipe(recipe, out=tmp_path / "run", settings=[*settings, "split.folds=3", "evaluate.resamples=500"])
    area = run.result().quantities[0].scores[0].numbers["auroc"]
    if preset == "hypo_pos":
        assert area.value > 0.8 and area.low > 0.6
    else:
        assert area.low < 0.5 < area.high
