"""Boosted trees of LightGBM as the arrays that `signals.forest` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pulsewise.signals import forest

OUT = Path(forest.__file__).parent / "coefficients"


def as_forest(model, fill: np.ndarray) -> forest.Forest:
    """The trees of a fitted model; `fill` (F,) stands for features that are not there."""
    feature, threshold, left, roots, deepest = [], [], [], [], 0

    def put(node: dict, at: int, depth: int) -> None:
        nonlocal deepest
        deepest = max(deepest, depth)
        if "leaf_value" in node:
            feature[at], threshold[at], left[at] = -1, node["leaf_value"], at
            return
        a = len(feature)
        feature.extend((0, 0)), threshold.extend((0.0, 0.0)), left.extend((0, 0))
        feature[at], left[at] = node["split_feature"], a
        limit = np.float32(node["threshold"])  # rounded down, so that float32 features go where they went in the fit
        threshold[at] = limit if np.float64(limit) <= node["threshold"] else np.nextafter(limit, np.float32(-np.inf))
        put(node["left_child"], a, depth + 1)
        put(node["right_child"], a + 1, depth + 1)

    for tree in model.dump_model()["tree_info"]:
        roots.append(len(feature))
        feature.append(0), threshold.append(0.0), left.append(0)
        put(tree["tree_structure"], roots[-1], 0)
    count = model.num_model_per_iteration()
    return forest.Forest(
        np.array(feature, np.int16), np.array(threshold, np.float32), np.array(left, np.int32),
        np.array(roots, np.int32).reshape(-1, count), np.zeros(count), fill.astype(np.float32), deepest,
    )  # fmt: skip


def save(name: str, model, x: np.ndarray) -> None:
    """Write `coefficients/<name>.npz`, once the arrays give what the model gives on rows (N, F)."""
    made = as_forest(model, np.nanmedian(x, axis=0))
    sums = made.sums(x[::20].astype(np.float64))
    off = np.abs(np.squeeze(sums) - model.predict(x[::20], raw_score=True)).max()
    if off > 1e-4:
        raise SystemExit(f"{name}: the arrays differ from the model by {off:.1e}")
    path = OUT / f"{name}.npz"
    np.savez_compressed(
        path, feature=made.feature, threshold=made.threshold, left=made.left, roots=made.roots, base=made.base,
        fill=made.fill, depth=made.depth,
    )  # fmt: skip
    print(f"{name}: {path.stat().st_size / 1024:.0f} KiB, {len(made.feature)} nodes, {made.depth} deep")
