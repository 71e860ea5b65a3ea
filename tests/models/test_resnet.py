"""ResNet-1D: shapes by an independent count, both layouts, gradients, any length and number of channels."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pulsewise.models import resnet  # noqa: E402  # torch is needed to import it

TINY = resnet.Config(depth=18, width=4)


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize(("channels", "length"), [(1, 500), (3, 401), (2, 1)])
def test_any_depth_length_and_number_of_channels(depth: int, channels: int, length: int) -> None:
    net = resnet.build(resnet.Config(channels=channels, depth=depth, width=2, outputs=2)).eval()
    seen = {}
    for name in ("conv1", "layer1", "layer2", "layer3", "layer4"):
        getattr(net, name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out.shape}))
    x = torch.randn(3, channels, length)
    assert net(x).shape == (3, 2)
    assert net.features(x).shape == (3, 16 * (4 if depth == 50 else 1))
    stages = {stage["name"]: stage for stage in net.stages(length)}
    for name, shape in seen.items():
        assert [shape[1], shape[-1]] == stages[name]["shape"], name
    assert sum(stage["parameters"] for stage in stages.values()) == sum(p.numel() for p in net.parameters())


def test_both_layouts_are_one_network() -> None:
    torch.manual_seed(0)
    net = resnet.build(TINY).train()
    x, y = torch.randn(8, 1, 120), torch.randn(8, 1)
    results = {}
    for layout in ("image", "sequence"):
        net.layout = layout
        net.zero_grad()
        torch.manual_seed(1)
        out = net(x)
        torch.nn.functional.mse_loss(out, y).backward()
        results[layout] = [out.detach()] + [p.grad.clone() for p in net.parameters()]
    for image, sequence in zip(results["image"], results["sequence"], strict=True):
        torch.testing.assert_close(image, sequence, rtol=1e-4, atol=1e-5)


def test_image_weights_are_read_without_a_copy() -> None:
    weight = resnet.build(TINY).layer2[0].convs[0].weight
    assert weight.unsqueeze(2).is_contiguous(memory_format=torch.channels_last)


def test_initialisation_is_he_fan_out_and_a_small_head() -> None:
    torch.manual_seed(0)
    net = resnet.build(resnet.Config(depth=34))
    for stage, width in enumerate((64, 128, 256, 512)):
        spread = getattr(net, f"layer{stage + 1}")[-1].convs[1].weight.std().item()
        assert spread == pytest.approx(np.sqrt(2 / (3 * width)), rel=0.03)
    assert net.head.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert net.head.bias.item() == 0


def test_dropout_only_in_training() -> None:
    net = resnet.build(TINY)
    x = torch.randn(4, 1, 64)
    net.eval()
    assert torch.equal(net(x), net(x))
    net.train()
    assert not torch.equal(net(x), net(x))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"dropout": 1.0}, {"channels": 0}])
def test_impossible_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least 1|share"):
        resnet.Config(**wrong)
