"""The model card: README.md of a bundle, with the YAML header that the Hugging Face hub reads."""

from __future__ import annotations

import json

from pulsewise.learn.facts import Facts

UNTRAINED = "**Never trained.** The weights are random; it predicts nothing unless forced."
SYNTHETIC = "**Trained on simulated people.** It says nothing about real ones."
WARNING = "Research use. Not a medical device. Estimated, not measured."


def card(facts: Facts) -> str:
    """The text of README.md; every number in it is one of bundle.json."""
    warnings = (
        [UNTRAINED] * (not facts.trained) + [SYNTHETIC] * facts.synthetic + [f"**{facts.stamp}**"] * bool(facts.stamp)
    )
    asked = ", ".join(f"{t.quantity} ({t.unit})" for t in facts.task.targets)
    f, t = facts, facts.training
    lines = [
        *_header(facts),
        f"# {f.name}",
        "",
        f"Answers: {asked}, from windows of {f.length / f.rate:g} s of {', '.join(f.channels)} at {f.rate:g} Hz.",
        "",
        *[line for warning in warnings for line in (warning, "")],
        WARNING,
        "",
        *_personal(facts),
        "## Use",
        "",
        "```",
        "pulsewise predict THIS_FOLDER RECORDING",
        "```",
        "",
        "It abstains, with a reason, where the signal is poor, of another kind, or unlike its training data.",
        "",
        "## Training",
        "",
        f"{t.windows} windows of {t.people} people; split `{t.split}`; {t.epochs} epochs, "
        f"weights of epoch {t.best_epoch}.",
        f"Recipe `{t.recipe}`, data `{t.data}`, seed {t.seed}, pulsewise {f.pulsewise}.",
        "",
        *_origin(facts),
        "## Validation",
        "",
        f"{t.validation_windows} windows of {t.validation_people} people, also used to choose the epoch:",
        "not the error on people it never saw. That is in the report of its run.",
        "",
        *_validation(facts),
        "## Model",
        "",
        f"`{f.model.name}`, {sum(stage.parameters for stage in f.stages):,} parameters.",
        "",
        "| stage | output of one window | parameters |",
        "|---|---|---|",
        *[f"| {s.name} | {' × '.join(map(str, s.shape))} | {s.parameters:,} |" for s in f.stages],
        "",
    ]
    return "\n".join(lines)


def _personal(facts: Facts) -> list[str]:
    p = facts.personal
    if not p.how:
        return []
    units = {target.quantity: target.unit for target in facts.task.targets}
    whom = f"**Personalised for one person (token {p.token or 'none'}), and of no use for anybody else**"
    lines = [f"{whom}: {p.how}, from {p.readings} readings; made from bundle {p.source}."]
    lines += [f"On {p.later_readings} later readings:", ""]
    for name, (before, carried, after) in sorted(p.error.items()):
        beside = f"first readings carried forward {carried:.2f}, before {before:.2f}"
        lines.append(f"- {name}: MAE {after:.2f} {units[name]} ({beside})")
    return [*lines, ""]


def _header(facts: Facts) -> list[str]:
    tags = ["biosignals", *facts.channels, *facts.task.quantities]
    tags += ["synthetic"] * facts.synthetic + ["leaky-split"] * facts.leaky + ["untrained"] * (not facts.trained)
    lines = ["---", "library_name: pulsewise", f"pipeline_tag: {json.dumps('tabular-regression')}", "tags:"]
    lines += [f"- {json.dumps(tag)}" for tag in dict.fromkeys(tags)]
    lines += ["metrics:", "- mae"]
    if facts.training.validation_mae:
        lines += ["model-index:", f"- name: {json.dumps(facts.name)}", "  results:"]
        for quantity, error in sorted(facts.training.validation_mae.items()):
            lines += [
                "  - task:",
                "      type: tabular-regression",
                f"      name: {json.dumps(quantity)}",
                "    dataset:",
                "      type: validation",
                f"      name: {json.dumps('validation people of the run' + ' (simulated)' * facts.synthetic)}",
                "    metrics:",
                "    - type: mae",
                f"      value: {error!r}",
            ]
    return [*lines, "---", ""]


def _origin(facts: Facts) -> list[str]:
    o = facts.origin
    if not o.name:
        return []
    how = {"probe": "which stayed as it came", "adapters": f"changed by adapters of rank {o.rank}"}
    lines = [
        f"Begun with the pre-trained encoder `{o.name}` ({o.fingerprint}), {how.get(o.how, 'trained further')}: "
        f"`{o.method}` without labels on windows of {o.length_s:g} s of {o.people} people"
        f"{', simulated ones among them' * o.synthetic}.",
        f"Among those were {o.train_people_seen} people of this training and {o.test_people_seen} of its test.",
    ]
    return [*lines, *[f"Recordings: {source}" for source in o.sources], ""]


def _validation(facts: Facts) -> list[str]:
    units = {target.quantity: target.unit for target in facts.task.targets}
    lines = [
        f"- {name}: MAE {error:.2f} {units[name]}" for name, error in sorted(facts.training.validation_mae.items())
    ]
    for name, figure in sorted(facts.training.detection.items()):
        lines.append(f"- {name.replace('_', ' ')}: {figure:.3f}")
    if facts.answer == "probability":
        chosen = facts.thresholds or (None,) * len(facts.task.targets)
        for target, threshold in zip(facts.task.targets, chosen, strict=True):
            said = "0.5: validation people were all of one kind" if threshold is None else f"{threshold:.3g}"
            lines.append(f"- {target.quantity}: said to be yes from a probability of {said}")
        return [*lines, ""]
    kind = {"gaussian": "stated SDs", "quantile": "beyond the stated ends"}.get(facts.answer, "")
    widths = facts.intervals.half_widths or (None,) * len(facts.task.targets)
    for target, width in zip(facts.task.targets, widths, strict=True):
        if width is None:
            lines.append(f"- {target.quantity}: no interval, too few people")
        else:
            lines.append(
                f"- {target.quantity}: interval ± {width:.2f} {kind or target.unit} at {facts.intervals.level:.0%}"
            )
    return [*lines, ""]
