"""Statements of the published systems this work starts from, each checked on ours."""

import pytest

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
