"""The one trained thing: a folder with weights, facts and a card, and the one way from windows to numbers.

    model.safetensors   the weights, or the arrays of a model without a network
    model.onnx          instead of them in an exported bundle: the graph (or model.xml and model.bin, see `graph`)
    bundle.json         conditioning, window, scaling, task, model config, threshold, intervals, domain, hashes
    README.md           the model card

Evaluation, files, streams and services all call `Bundle.predict_windows`. Loading executes no code and needs no torch.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import config, registry
from pulsewise.core.disk import sha256, write_atomic
from pulsewise.core.errors import ArtifactError, InputError, PulsewiseError, UsageError
from pulsewise.core.estimate import Estimate
from pulsewise.core.plugin import Task
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.learn import answering, weights
from pulsewise.learn import facts as facts_file
from pulsewise.learn.answering import Answers, Floats
from pulsewise.learn.card import card
from pulsewise.learn.facts import GRAPH_OUTPUTS, OUTPUTS, RATE_TOLERANCE, Facts, File
from pulsewise.learn.graph import FILES, Graph

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A model with everything that is needed to use it.

    Parameters
    ----------
    facts : Facts
        The content of bundle.json.
    arrays : mapping of str to ndarray
        The weights; empty where there is a graph.
    graph : Graph, optional
        What runs instead of the model in an exported bundle.
    """

    facts: Facts
    arrays: Mapping[str, NDArray[Any]]
    graph: Graph | None = None

    @property
    def task(self) -> Task:
        """The question it answers."""
        return self.facts.task

    @property
    def trained(self) -> bool:
        """Whether it was ever trained."""
        return self.facts.trained

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits of weights and facts together."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            digest.update(name.encode() + np.ascontiguousarray(self.arrays[name]).tobytes())
        digest.update(b"".join(self.graph.content) if self.graph else b"")
        plain = replace(self.facts, files={})
        return hashlib.sha256(digest.digest() + facts_file.to_json(plain).encode()).hexdigest()[:16]

    # -- the one forward path ---------------------------------------------------------------------------------

    def predict_windows(self, windows: Windows, *, force: bool = False) -> NDArray[np.float64]:
        """Targets (N, K) of windows (N, C, T), in the task's units; NaN for windows that hold no finite samples.

        Raises `modality`, `rate` or `length` for windows of another kind, `untrained` unless forced, and
        `missing_dependency` where a network is to be run without torch.
        """
        return self.stated(windows, force)[0]

    def answer_windows(self, windows: Windows, *, force: bool = False) -> Answers:
        """Targets of windows with their intervals, each (N, K) in the task's units; NaN where there is none.

        Errors as `predict_windows`.
        """
        widths = self.facts.intervals.half_widths or (None,) * len(self.task.targets)
        width = np.array([np.nan if w is None else w for w in widths])
        if self.facts.answer == "value":
            value = self.predict_windows(windows, force=force)
            return Answers(value, value - width, value + width)
        value, down, up = self.stated(windows, force)
        if self.facts.answer == "gaussian":
            return Answers(value, value - down * width, value + up * width)
        return Answers(value, value - down - width, value + up + width)

    def stated(self, windows: Windows, force: bool = False) -> tuple[Floats, Floats, Floats]:
        """The value, and how far the model's own interval reaches down and up from it (0: it states none)."""
        samples, finite = self._samples(windows, force)
        windows = self.placed(windows)
        scaling, here = self.facts.scaling, finite[:, None]
        if self.graph is not None:
            numbers = GRAPH_OUTPUTS[self.facts.answer]
            found = np.where(here, self.graph.outputs(samples, numbers * len(self.task.targets)), np.nan)
            value, *spread = np.split(found, numbers, axis=1)
            down, up = spread or (np.zeros_like(value), np.zeros_like(value))
            return value, down, up
        scaled = self._scaled(windows, samples)
        parts = scaled.reshape(len(scaled), OUTPUTS[self.facts.answer], len(self.task.targets))
        value, down, up = answering.read(parts, self.facts.answer, logits=self.facts.model.neural)
        sd, value = np.array(scaling.target_sd), scaling.outputs(value)
        return np.where(here, value, np.nan), np.where(here, down * sd, np.nan), np.where(here, up * sd, np.nan)

    def scaled(self, windows: Windows) -> Floats:
        """What the model itself says of windows, in the scale it learnt in: (N, m K), log odds for yes or no.

        An untrained bundle answers too. Raises `modality`, `rate`, `length`, and `usage` for an exported model.
        """
        if self.graph is not None:
            raise UsageError("usage", "an exported model has no inside", fix="use the bundle it was exported from")
        samples, finite = self._samples(windows, force=True)
        return np.where(finite[:, None], self._scaled(self.placed(windows), samples), np.nan)

    def _scaled(self, windows: Windows, samples: NDArray[np.float32]) -> Floats:
        """What the model says, in its own scale: (N, m K)."""
        inputs, model = self.facts.scaling.inputs(samples), self.model
        if self.facts.model.neural:
            from pulsewise.learn.network import forward

            return forward.outputs(model, inputs)
        return np.asarray(model.predict(replace(windows, samples=inputs)), np.float64)

    def threshold(self, k: int = 0) -> float:
        """The probability from which on target k is said to be yes; 0.5 where none could be chosen on validation."""
        chosen = self.facts.thresholds[k] if self.facts.thresholds else None
        return 0.5 if chosen is None else chosen

    def features_of(self, windows: Windows, *, force: bool = False) -> NDArray[np.float64]:
        """The model's embedding (N, D) of windows (N, C, T); NaN rows and errors as `predict_windows`.

        Raises `usage` for a model that has none.
        """
        if self.graph is not None:
            raise UsageError("usage", "an exported model has no features", fix="use the bundle it was exported from")
        samples, finite = self._samples(windows, force)
        inputs, model = self.facts.scaling.inputs(samples), self.model
        if self.facts.model.neural:
            from pulsewise.learn.network import forward

            found = forward.features(model, inputs)
        elif hasattr(model, "features"):
            found = model.features(replace(windows, samples=inputs))
        else:
            raise UsageError("usage", f"the model {self.facts.model.name!r} has no features")
        return np.where(finite[:, None], found, np.nan)

    def _samples(self, windows: Windows, force: bool) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        self.check_trained(force)
        self.check_windows(windows)
        samples = self.placed(windows).samples
        finite = self.usable(samples)
        keep = finite[:, None] & self.present(samples) if self.any_channels else finite[:, None]
        blank = np.float32(np.nan if self.any_channels else 0)
        return (samples if keep.all() else np.where(keep[:, :, None], samples, blank)), finite

    @cached_property
    def any_channels(self) -> bool:
        """Whether windows may lack channels: the model was made for it, and leaves them out."""
        return self.graph is None and self.facts.model.neural and bool(getattr(self._plugin, "ANY_CHANNELS", False))

    def placed(self, windows: Windows) -> Windows:
        """Windows with every channel of the model in its order; NaN throughout where one is missing."""
        wanted = self.facts.channels
        if windows.channels == wanted or not self.any_channels:
            return windows
        samples = np.full((len(windows), len(wanted), windows.length), np.nan, np.float32)
        for c, name in enumerate(windows.channels):
            samples[:, wanted.index(name)] = windows.samples[:, c]
        return replace(windows, samples=samples, channels=wanted)

    def present(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which channels of windows (N, C, T) are there, whole: (N, C)."""
        return np.asarray(np.isfinite(samples).all(axis=2))

    def usable(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which windows (N, C, T) can be answered: with every channel, or with any where the model takes any."""
        here = self.present(samples)
        return np.asarray(here.any(axis=1) if self.any_channels else here.all(axis=1))

    def check_trained(self, force: bool = False) -> None:
        """Raise `untrained` for a bundle that was never trained, unless forced."""
        if not (self.facts.trained or force):
            raise ArtifactError(
                "untrained",
                "this bundle was never trained: its numbers would come from random weights",
                fix="train it, or force it to see them",
            )

    def check_windows(self, windows: Windows) -> None:
        """Raise `modality`, `rate` or `length` for windows that are not of the kind the model was made for."""
        f = self.facts
        some = self.any_channels and len(windows.channels) > 0 and set(windows.channels) <= set(f.channels)
        if windows.channels != f.channels and not some:
            came, wanted = ", ".join(windows.channels), ", ".join(f.channels)
            raise InputError("modality", f"the model needs windows of {wanted}; {came} came")
        check_rate_fits(windows.rate, f.rate)
        if windows.length != f.length:
            raise InputError(
                "length",
                f"the model needs windows of {f.length} samples ({f.length / f.rate:g} s); "
                f"{windows.length} ({windows.length / windows.rate:g} s) came",
                fix="cut them anew from the recording",
            )

    @cached_property
    def _plugin(self) -> ModuleType:
        try:
            return registry.load("models", self.facts.model.name)
        except UsageError as error:
            raise ArtifactError("artifact_invalid", f"its model is not known: {error.what}") from error

    @property
    def needs_torch(self) -> bool:
        """Whether torch runs it, or a part of it."""
        return self.graph is None and (self.facts.model.neural or bool(getattr(self._plugin, "BEGINS", False)))

    @cached_property
    def model_config(self) -> Any:
        """The `Config` of the model's plug-in."""
        plugin = self._plugin
        try:
            return config.fill(plugin.Config, self.facts.model.config, where="model")
        except PulsewiseError as error:
            raise ArtifactError("artifact_invalid", f"its model's config: {error.what}", where=error.where) from error

    @cached_property
    def model(self) -> Any:
        """The model itself: a torch module in evaluation mode, or an `ArrayModel`; in the scaled domain.

        Raises `artifact_invalid` where the weights are not of the model, `missing_dependency` without its libraries.
        """
        c = self.model_config
        shape = c.channels, c.length, c.outputs
        outputs = len(self.task.targets) * OUTPUTS[self.facts.answer]
        if shape != (len(self.facts.channels), self.facts.length, outputs):
            raise ArtifactError("artifact_invalid", "its model's config is of other windows or another task")
        if self.facts.model.neural:
            from pulsewise.learn.network import forward

            return forward.rebuild(self._plugin, c, self.arrays)
        model = self._plugin.build(c)
        model.restore(self.arrays)
        return model

    # -- from a recording -------------------------------------------------------------------------------------

    def estimate(self, recording: Recording, *, force: bool = False) -> list[Estimate]:
        """Estimates of every target for every window of a recording: values with intervals, or reasons for none.

        The recording is conditioned, cut and judged as the training data were. Raises `modality` where a channel is
        missing and `rate` where the rate cannot be brought to the model's (see `learn.estimating`).
        """
        from pulsewise.learn.estimating import estimate

        return estimate(self, recording, force=force)

    def estimate_windows(self, windows: Windows, *, force: bool = False) -> list[Estimate]:
        """Estimates of every target for windows that were cut elsewhere; raises `modality`, `rate` or `length`."""
        from pulsewise.learn.estimating import estimate_windows

        return estimate_windows(self, windows, force=force)

    # -- what it says of itself -------------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Everything it says of itself, ready for JSON: stages with shapes and parameters, task, data, stamps."""
        f = self.facts
        return {
            "name": f.name,
            "fingerprint": self.fingerprint,
            "trained": f.trained,
            "synthetic": f.synthetic,
            "leaky": f.leaky,
            "stamp": f.stamp,
            "personal": config.to_table(f.personal) if f.personal.how else None,
            "pulsewise": f.pulsewise,
            "schema_version": f.schema_version,
            "model": f.model.name,
            "needs": ["openvino or onnxruntime"] if self.graph else ["torch"] if self.needs_torch else [],
            "graph": config.to_table(f.graph) if self.graph else None,
            "parameters": sum(stage.parameters for stage in f.stages),
            "stages": [config.to_table(stage) for stage in f.stages],
            "task": config.to_table(f.task),
            "input": {"channels": list(f.channels), "rate_hz": f.rate, "samples": f.length},
            "condition": f.condition,
            "window": f.window,
            "answer": f.answer,
            "thresholds": list(f.thresholds),
            "intervals": config.to_table(f.intervals),
            "training": config.to_table(f.training),
        }

    # -- on disk ----------------------------------------------------------------------------------------------

    def save(self, path: Path, *, overwrite: bool = True) -> Bundle:
        """Write the folder whole or not at all; what was there stays until the new one is complete.

        Returns the bundle as written (with hashes). Raises `output_exists` and `disk`.
        """
        if path.exists() and not overwrite:
            raise UsageError("output_exists", f"{path.name} is there already", fix="give --overwrite or another --out")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
        except OSError as error:
            what = f"writing {path.name} failed: {error.strerror or 'input/output error'}"
            raise InputError("disk", what, fix="free space or choose another --out") from error
        try:
            stored = self._write(part)
            files = {file.name: File(sha256(file), file.stat().st_size) for file in stored}
            written = replace(self, facts=replace(self.facts, files=files))
            write_atomic(part / "README.md", card(written.facts))
            write_atomic(part / "bundle.json", facts_file.to_json(written.facts))
            part.chmod(0o755)
            if path.exists():
                path.rename(part.with_suffix(".old"))
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)
        return written

    def _write(self, folder: Path) -> list[Path]:
        if self.graph is None:
            return [weights.write(folder / WEIGHTS, self.arrays)]
        named = zip(FILES[self.graph.form], self.graph.content, strict=True)
        return [write_atomic(folder / name, content) for name, content in named]

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read a bundle's folder, checking everything and executing nothing.

        Raises `not_found`; `artifact_version` for one written by a newer version; `artifact_invalid` for one that is
        damaged, has wrong weights, or is something else.
        """
        try:
            content = (path / "bundle.json").read_bytes()
        except OSError:
            what = f"{path.name!r} is not a bundle: it holds no bundle.json"
            raise InputError("not_found", what, fix="name the folder that train or run wrote") from None
        facts = facts_file.from_json(content)
        form = next((names for names in FILES.values() if names[0] in facts.files), None)
        stored = [_checked(path / name, facts.files.get(name)) for name in form or (WEIGHTS,)]
        if form is not None:
            return cls(facts, {}, Graph(tuple(file.read_bytes() for file in stored), facts.graph.precision))
        bundle = cls(facts, weights.read(stored[0]))
        if bundle.checkable:
            _ = bundle.model
        return bundle

    @property
    def checkable(self) -> bool:
        """Whether the libraries its model needs are here, so that the weights can be checked against it."""
        plugin = registry.plugins("models").get(self.facts.model.name)
        return plugin is None or not plugin.missing


def _checked(file: Path, expected: File | None) -> Path:
    """A file of a bundle, if it is the one that was saved; else `artifact_invalid`."""
    if expected is None or not file.is_file():
        raise ArtifactError("artifact_invalid", f"the bundle has no {file.name}")
    if file.stat().st_size != expected.bytes or sha256(file) != expected.sha256:
        fix = "take the bundle from its source again"
        raise ArtifactError("artifact_invalid", f"{file.name} is not the file the bundle was saved with", fix=fix)
    return file


def check_rate_fits(rate: float, wanted: float) -> None:
    """Raise `rate` where a rate (Hz) is not the wanted one within `RATE_TOLERANCE`."""
    if abs(rate / wanted - 1) > RATE_TOLERANCE:
        raise InputError(
            "rate",
            f"the model needs {wanted:g} Hz, {rate:g} Hz came",
            fix="cut the windows anew from the recording, or use a model for this rate",
        )
