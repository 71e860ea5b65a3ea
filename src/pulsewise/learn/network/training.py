"""One network in training, as Lightning wants it: the loss, the optimiser, and what happens after each step.

Lightning runs the loop, the devices and the precision. Everything that decides the result is elsewhere, as a function
of seed, epoch, step and history (`batches`, `train_config`), so that Lightning's own state need not be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from pulsewise.core.errors import GateError
from pulsewise.core.plugin import Task
from pulsewise.learn import train_config
from pulsewise.learn.network import start
from pulsewise.learn.network.batches import Position, step_seed
from pulsewise.learn.network.losses import Loss


class Training(LightningModule):
    """A network, its optimiser and its position in the run.

    Parameters
    ----------
    net : nn.Module
        Scaled windows (B, C, T) to what the loss takes; where it has `auxiliary(x)`, that is added to the loss.
    loss : Loss
    position : Position
        Where the run stands; advanced in place.
    optimizer_state : mapping, optional
        Of a resumed run.
    target_sd : tuple of float
        SD of each target, to state errors in its unit.
    on_step, on_save, on_epoch : callables
        Told of each step (epoch, step, loss), of each moment a resume file is due (after the step), and of each
        finished epoch (its line of the history).
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss,
        config: train_config.Config,
        task: Task,
        position: Position,
        *,
        seed: int,
        steps: int,
        target_sd: tuple[float, ...],
        optimizer_state: dict[str, Any] | None,
        on_step: Callable[[int, int, float], None],
        on_save: Callable[[], None],
        on_epoch: Callable[[dict[str, float]], None],
    ) -> None:
        super().__init__()
        self.net, self.loss, self.recipe, self.task, self.position = net, loss, config, task, position
        self.seed, self.steps, self.target_sd = seed, steps, target_sd
        self.optimizer_state = optimizer_state
        self.on_step, self.on_save, self.on_epoch = on_step, on_save, on_epoch
        self._errors = torch.zeros(3, len(target_sd), dtype=torch.float64)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam (weight decay in the gradient) or AdamW (decoupled), fused; with its old state in a resumed run."""
        c = self.recipe
        kind = torch.optim.Adam if c.optimizer == "adam" else torch.optim.AdamW
        learnt = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        optimizer = kind(learnt, lr=c.lr, weight_decay=c.weight_decay, fused=True)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Set the learning rate of the epoch; what is frozen stands still."""
        start.settle(self.net, self.recipe)
        rate = train_config.learning_rate(self.recipe, self.position.epoch, self.position.errors)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The one optimiser, unwrapped."""
        return self.trainer.optimizers[0]

    def training_step(self, batch: dict[str, Any], _index: int) -> Tensor:
        """Mean loss over the labels of the batch; `diverged`, naming the batch, where it is not a number."""
        torch.manual_seed(step_seed(self.seed, batch["epoch"], batch["step"], self.global_rank))
        answers = self.net(batch["x"])
        loss = self.loss.total(answers, batch["y"]) * batch["share"]
        if self.recipe.bias_penalty:
            loss = loss + self.recipe.bias_penalty * self.loss.slope(answers, batch["y"])
        auxiliary = getattr(self.net, "auxiliary", None)
        if auxiliary is not None and self.recipe.auxiliary:
            loss = loss + self.recipe.auxiliary * auxiliary(batch["x"])
        value = float(loss.detach())
        self._check(value, "loss", batch)
        self.position.loss_sum += value
        self._batch, self._loss = batch, value
        return cast(Tensor, loss)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip the norm of the gradient; `diverged` where it is not a number, before it reaches the weights."""
        limit = self.recipe.clip or math.inf
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), limit)
        self._check(float(norm), "gradient", self._batch)

    def _check(self, value: float, what: str, batch: dict[str, Any]) -> None:
        if not math.isfinite(value):
            rows = ", ".join(str(row) for row in batch["rows"][:8].tolist())
            raise GateError(
                "diverged",
                f"the {what} of batch {batch['step'] + 1} of epoch {batch['epoch'] + 1} is {value}",
                where=f"windows {rows}{', …' if len(batch['rows']) > 8 else ''}",
                fix="lower train.lr or look at these windows; the last resume file is from before this batch",
            )

    def on_train_batch_end(self, *_: Any) -> None:
        """Advance, tell, and have a resume file written where one is due."""
        p = self.position
        p.step = self._batch["step"] + 1
        self.on_step(p.epoch, self._batch["step"], self._loss)
        if p.step < self.steps and (p.epoch * self.steps + p.step) % self.recipe.checkpoint_steps == 0:
            self.on_save()

    def on_validation_epoch_start(self) -> None:
        """Forget the errors of the epoch before."""
        self._errors = torch.zeros(3, len(self.target_sd), dtype=torch.float64)

    def validation_step(self, batch: dict[str, Any], _index: int) -> None:
        """Add up errors (absolute, or log loss) and labels per target."""
        there = torch.isfinite(batch["y"])
        answers = self.net(batch["x"])
        error, loss = self.loss.error(answers, batch["y"]), self.loss.each(answers, batch["y"])
        rows = (torch.where(there, error, 0.0), there, loss)
        sums = torch.stack([row.double().sum(0) for row in rows])
        self._errors += sums.cpu()

    def on_train_epoch_end(self) -> None:
        """Write the epoch's line of the history, and stop where the history says so."""
        p = self.position
        errors = self._errors
        if self.trainer.world_size > 1:
            errors = self.trainer.strategy.reduce(errors.to(self.device), reduce_op="sum").cpu()
        row = {
            "epoch": p.epoch + 1.0,
            "step": float((p.epoch + 1) * self.steps),
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "train_loss": p.loss_sum / self.steps,
        } | validation_errors(errors, self.task, self.target_sd)
        if self.loss.answer in ("gaussian", "quantile"):
            row["val_loss"] = float(errors[2].sum() / errors[1].sum()) if errors[1].sum() else math.nan
        p.history.append(row)
        p.epoch, p.step, p.loss_sum = p.epoch + 1, 0, 0.0
        self._errors = torch.zeros_like(self._errors)
        self.on_epoch(row)
        self.on_save()
        self.trainer.should_stop = train_config.stops(self.recipe, p.errors)


def validation_errors(errors: Tensor, task: Task, target_sd: tuple[float, ...]) -> dict[str, float]:
    """MAE of each target in its unit, and their mean in SDs of the training targets (NaN without any label).

    For yes or no, the log loss of each target and their mean.
    """
    result, scaled = {}, []
    yes_or_no = task.kind == "binary"
    for k, quantity in enumerate(task.quantities):
        total, count = float(errors[0, k]), float(errors[1, k])
        if count:
            scaled.append(total / count)
            name = f"val_log_loss_{quantity}" if yes_or_no else f"val_mae_{quantity}"
            result[name] = total / count * target_sd[k]
    result["val_log_loss" if yes_or_no else "val_mae_sd"] = sum(scaled) / len(scaled) if scaled else math.nan
    return result
