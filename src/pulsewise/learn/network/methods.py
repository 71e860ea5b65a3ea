"""What two views of a segment are held together by: SimSiam, and the methods it is compared with on equal input.

Each is a module from two batches (B, C, T) to a loss and the embedding (B, E) that the collapse monitor watches;
`after_step` moves what no gradient moves. With several processes each has its own batch statistics and, where a loss
compares with other windows, its own windows only.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pulsewise.core.errors import UsageError
from pulsewise.learn.pretrain_config import Config
from pulsewise.models.siamquality import SimSiam


class Backbone(nn.Module):
    """A model without its head: windows (B, C, T) to features (B, `size`)."""

    def __init__(self, net: nn.Module, channels: int, length: int) -> None:
        super().__init__()
        self.net = net
        for parameter in getattr(net, "head", nn.Identity()).parameters():
            parameter.requires_grad = False
        net.eval()
        with torch.no_grad():
            self.size = int(net.features(torch.zeros(1, channels, length)).shape[1])  # type: ignore[operator]  # Module's attributes are untyped
        net.train()

    def forward(self, x: Tensor) -> Tensor:
        """Features."""
        result: Tensor = self.net.features(x)  # type: ignore[operator]  # Module's attributes are untyped
        return result

    def steps(self, x: Tensor) -> Tensor:
        """Features (B, D, N) before the mean over time; `config` for a model that has none."""
        if not hasattr(self.net, "steps"):
            what = "masked-signal modelling needs a model with features over time"
            raise UsageError("config", what, where="model.name", fix="take siamquality or transformer")
        result: Tensor = self.net.steps(x)  # type: ignore[operator]  # Module's attributes are untyped
        return result


def negative_cosine(p: Tensor, z: Tensor) -> Tensor:
    """Minus the mean cosine of the rows of p with those of z, which gets no gradient."""
    return -functional.cosine_similarity(p.float(), z.detach().float(), dim=1).mean()


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy (Chen et al. 2020) of two views (B, E) of the same B windows.

    >>> round(float(nt_xent(torch.eye(2), torch.eye(2), 0.5)), 3)  # log(1 + 2 exp(-2))
    0.24
    """
    both = functional.normalize(torch.cat([a, b]).float(), dim=1)
    likeness = (both @ both.T / temperature).masked_fill(torch.eye(len(both), dtype=torch.bool, device=a.device), -1e9)
    partner = torch.arange(len(both), device=a.device).roll(len(a))
    return functional.cross_entropy(likeness, partner)


def sinkhorn(scores: Tensor, epsilon: float = 0.05, rounds: int = 3) -> Tensor:
    """Assignments (B, P) of windows to prototypes that use all prototypes equally (Caron et al. 2020)."""
    q = torch.exp((scores.float() - scores.float().max()) / epsilon)
    for _ in range(rounds):
        q = q / q.sum(0, keepdim=True).clamp(min=1e-12)
        q = q / q.sum(1, keepdim=True).clamp(min=1e-12)
    return q


def _two_layers(size: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out))


class Siamese(nn.Module):
    """SimSiam (Chen & He 2021) with the projector and predictor of SiamQuality."""

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.inner = SimSiam(backbone, config.projected, config.hidden)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projections."""
        (p1, z1), (p2, z2) = self.inner(x1), self.inner(x2)
        return (negative_cosine(p1, z2) + negative_cosine(p2, z1)) / 2, z1

    def after_step(self, progress: float) -> None:
        """Nothing moves but by its gradient."""


class SimCLR(nn.Module):
    """NT-Xent over the windows of a batch, temperature 0.5."""

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.backbone, self.temperature = backbone, config.temperature or 0.5
        self.projector = _two_layers(backbone.size, backbone.size, config.projected)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projections."""
        z1, z2 = self.projector(self.backbone(x1)), self.projector(self.backbone(x2))
        return nt_xent(z1, z2, self.temperature), z1

    def after_step(self, progress: float) -> None:
        """Nothing moves but by its gradient."""


class Byol(nn.Module):
    """BYOL (Grill et al. 2020): predict the embedding of a slow copy, which moves after every step.

    The copy's momentum grows from 0.996 (or `target_momentum`) to 1 over the run, as published.
    """

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.backbone, self.momentum = backbone, config.target_momentum or 0.996
        self.projector = _two_layers(backbone.size, config.hidden, config.projected)
        self.predictor = _two_layers(config.projected, config.hidden, config.projected)
        self.target = _copy(nn.Sequential(self.backbone, self.projector))

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projections."""
        z1, z2 = self.projector(self.backbone(x1)), self.projector(self.backbone(x2))
        with torch.no_grad():
            t1, t2 = self.target(x1), self.target(x2)
        return (negative_cosine(self.predictor(z1), t2) + negative_cosine(self.predictor(z2), t1)) / 2, z1

    def after_step(self, progress: float) -> None:
        """Move the target towards the network."""
        momentum = 1 - (1 - self.momentum) * (math.cos(math.pi * progress) + 1) / 2
        _follow(self.target, nn.Sequential(self.backbone, self.projector), momentum)


class MoCo(nn.Module):
    """MoCo v2 (Chen et al. 2020): a slow copy's embeddings in a queue are what a window must be told apart from.

    The batches of the copy are not shuffled between devices, which the original does against leaks through the norm.
    """

    queue: Tensor

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.backbone = backbone
        self.temperature, self.momentum = config.temperature or 0.07, config.target_momentum or 0.999
        self.projector = _two_layers(backbone.size, backbone.size, config.projected)
        self.target = _copy(nn.Sequential(self.backbone, self.projector))
        self.register_buffer("queue", functional.normalize(torch.randn(config.queue, config.projected), dim=1))
        self._keys = torch.zeros(0)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projections."""
        z1 = self.projector(self.backbone(x1))
        q = functional.normalize(z1.float(), dim=1)
        with torch.no_grad():
            keys = functional.normalize(self.target(x2).float(), dim=1)
        against = torch.cat([(q * keys).sum(1, keepdim=True), q @ self.queue.T], dim=1) / self.temperature
        self._keys = keys
        return functional.cross_entropy(against, torch.zeros(len(q), dtype=torch.long, device=q.device)), z1

    def after_step(self, progress: float) -> None:
        """Move the target, and put the newest embeddings at the front of the queue."""
        _follow(self.target, nn.Sequential(self.backbone, self.projector), self.momentum)
        self.queue.copy_(torch.cat([self._keys, self.queue])[: len(self.queue)])


class SwAV(nn.Module):
    """SwAV (Caron et al. 2020) with two views: the prototype of one view is predicted from the other.

    The prototypes stand still for the first hundredth of the run.
    """

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.backbone, self.temperature = backbone, config.temperature or 0.1
        self.projector = _two_layers(backbone.size, backbone.size, config.projected)
        self.prototypes = nn.Linear(config.projected, config.prototypes, bias=False)
        self.register_buffer("share", torch.zeros(()))
        self.after_step(0.0)

    share: Tensor

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projections."""
        z1, z2 = self.projector(self.backbone(x1)), self.projector(self.backbone(x2))
        weight = self.prototypes.weight
        if self.share < 0.01:
            weight = weight.detach() + 0 * weight
        s1, s2 = (functional.linear(functional.normalize(z.float(), dim=1), weight) for z in (z1, z2))
        q1, q2 = sinkhorn(s1.detach()), sinkhorn(s2.detach())
        swapped = [
            -(q * functional.log_softmax(s / self.temperature, 1)).sum(1).mean() for q, s in ((q2, s1), (q1, s2))
        ]
        return (swapped[0] + swapped[1]) / 2, z1

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Bring the prototypes back to length one."""
        self.share.fill_(progress)
        self.prototypes.weight.copy_(functional.normalize(self.prototypes.weight, dim=1))


class Masked(nn.Module):
    """Masked-signal modelling: hidden patches of both segments are told from what is left.

    Hidden samples are 0 (the mean), and each step of the features tells its own stretch of the window; the loss is the
    mean squared error over hidden samples.
    """

    def __init__(self, backbone: Backbone, config: Config, channels: int, length: int) -> None:
        super().__init__()
        self.backbone, self.share, self.patch = backbone, config.mask, config.patch
        with torch.no_grad():
            backbone.eval()
            steps = backbone.steps(torch.zeros(1, channels, length)).shape[2]
            backbone.train()
        self.per_step = -(-length // steps)
        self.decoder = nn.Conv1d(backbone.size, channels * self.per_step, 1)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the mean features of the first view."""
        x = torch.cat([x1, x2])
        count = -(-x.shape[2] // self.patch)
        hidden = torch.rand(len(x), 1, count).to(x.device) < self.share
        hidden = hidden.repeat_interleave(self.patch, dim=2)[:, :, : x.shape[2]]
        steps = self.backbone.steps(x.masked_fill(hidden, 0.0))
        told = self.decoder(steps).reshape(len(x), x.shape[1], self.per_step, -1).transpose(2, 3).flatten(2)
        error = (told[:, :, : x.shape[2]].float() - x.float()) ** 2 * hidden
        return error.sum() / hidden.sum().clamp(min=1) / x.shape[1], steps[: len(x1)].mean(2)

    def after_step(self, progress: float) -> None:
        """Nothing moves but by its gradient."""


def _copy(module: nn.Module) -> nn.Module:
    made = copy.deepcopy(module)
    for parameter in made.parameters():
        parameter.requires_grad = False
    return made


@torch.no_grad()
def _follow(target: nn.Module, net: nn.Module, momentum: float) -> None:
    """Move a slow copy: its parameters by momentum; running statistics are its own."""
    for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


Method = Siamese | SimCLR | Byol | MoCo | SwAV | Masked


def build(config: Config, net: nn.Module, channels: int, length: int) -> Method:
    """The method of a recipe around a network with fresh weights."""
    backbone = Backbone(net, channels, length)
    if config.method == "masked":
        return Masked(backbone, config, channels, length)
    kinds: dict[str, Callable[[Backbone, Config], Method]] = {
        "simsiam": Siamese,
        "simclr": SimCLR,
        "byol": Byol,
        "moco": MoCo,
        "swav": SwAV,
    }
    return kinds[config.method](backbone, config)


def spread(embedding: Tensor) -> float:
    """Mean SD of the normalised embedding (B, E) per dimension, as a share of a healthy one's 1/√E: about 1, or 0.

    >>> round(spread(torch.ones(8, 4)), 3), spread(torch.randn(4096, 64)) > 0.95
    (0.0, True)
    """
    unit = functional.normalize(embedding.detach().float(), dim=1)
    return float(unit.std(0).mean() * math.sqrt(unit.shape[1]))
