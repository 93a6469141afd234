"""The table of convergence: how fast each variant learns, how much it overfits, and what it costs."""

from collections.abc import Mapping, Sequence

import pandas as pd

from convnets import tables
from convnets.networks import formulas
from convnets.runs.reading import UNDISTURBED
from convnets.runs.run import METRICS as METRICS_OF_RUNS
from convnets.runs.run import Run

# Metrics whose mean and deviation over the seeds are given.
METRICS = (
    "epochs_to_min_val_loss", "iterations_to_min_val_loss", "seconds_to_min_val_loss", "seconds_per_epoch", "images_per_second",
    "val_loss_rise", "loss_gap_at_min_val_loss", "accuracy_gap_at_min_val_loss", "final_loss_gap", "final_accuracy_gap",
    "final_eval_loss_gap", "final_eval_accuracy_gap",
)  # fmt: skip
MAY_BE_MISSING = (
    *("training_flops_per_image", "activation_bytes", "optimizer_bytes"),
    *("peak_memory_bytes", "runs_that_shared_their_core"),
)
CAPTION = (
    "Means over the seeds, and ± standard deviations. Of an accuracy that not every seed reaches: the mean of those that do, and "
    "how many they are. Seconds are of one thread, validation included. The rise is from the lowest to the final validation loss. "
    "Gaps are validation loss less training loss, and training accuracy less validation accuracy; training values are means over "
    "the epoch's batches with dropout and augmentation acting, which makes a gap look smaller than it is, even negative. Evaluated "
    "gaps are of the first 5,000 training images, measured as validation is; older runs have none. FLOPs are "
    "those of one image's training step, activations those of one batch; peak memory is that of the whole training process, the "
    "largest of the seeds. Runs that had to share their core are those in which any epoch but the first got less than "
    f"{UNDISTURBED} % of one; their times are upper bounds.\n"
)


def table(runs: Sequence[Run], labels: Mapping[str, str], accuracies: Sequence[float]) -> pd.DataFrame:
    """Return one row per variant, in the order of `labels`.

    For a validation accuracy of 0.6, the column `reached_0.6` counts the seeds that reach it; the means of iterations and seconds
    to it are over these seeds.
    """
    rows = []
    for variant, label in labels.items():
        own = [run for run in runs if run.variant == variant]
        parameters, optimizer = own[0].metrics.parameters, own[0].settings.training.optimizer
        known = [run.is_disturbed for run in own if run.is_disturbed is not None]
        row: dict[str, object] = {
            "variant": variant,
            "label": label,
            "seeds": len(own),
            "parameters": parameters,
            "training_flops_per_image": own[0].training_flops,
            "activation_bytes": own[0].activation_bytes,
            "optimizer_bytes": formulas.optimizer_bytes(optimizer, parameters),
            "peak_memory_bytes": max((run.record.peak_memory_bytes for run in own if run.record), default=None),
            "runs_that_shared_their_core": sum(known) if known else None,
        }
        for accuracy in accuracies:
            reached = [(run, epoch) for run in own if (epoch := run.first_reaching(accuracy))]
            row[f"reached_{accuracy:g}"] = len(reached)
            row |= _mean_and_spread(f"iterations_to_{accuracy:g}", [epoch.iteration for _, epoch in reached])
            row |= _mean_and_spread(f"seconds_to_{accuracy:g}", [run.seconds_to(epoch) for run, epoch in reached])
        for metric in METRICS:
            row |= _mean_and_spread(metric, [METRICS_OF_RUNS[metric](run) for run in own])
        rows.append(row)
    return pd.DataFrame(rows).astype(dict.fromkeys(MAY_BE_MISSING, "Int64"))


def _mean_and_spread(name: str, values: Sequence[float]) -> Mapping[str, float]:
    series = pd.Series(values, dtype=float)
    return {f"{name}_mean": float(series.mean()), f"{name}_std": float(series.std())}


def readable(frame: pd.DataFrame, accuracies: Sequence[float]) -> pd.DataFrame:
    """Return the table for readers, with fewer columns and digits."""
    shown = pd.DataFrame({"variant": frame["label"], "seeds": frame["seeds"]})
    for accuracy in accuracies:
        name = f"{accuracy:g}"
        columns = ["seeds", f"reached_{name}", f"iterations_to_{name}_mean", f"seconds_to_{name}_mean"]
        shown[f"iterations (s) to {name}"] = [_reached(*row) for row in frame[columns].itertuples(index=False)]
    for metric, heading, digits in (
        ("epochs_to_min_val_loss", "epochs to lowest validation loss", 1),
        ("val_loss_rise", "rise of validation loss", 3),
        ("loss_gap_at_min_val_loss", "loss gap there", 3),
        ("accuracy_gap_at_min_val_loss", "accuracy gap there", 3),
        ("final_loss_gap", "final loss gap", 3),
        ("final_accuracy_gap", "final accuracy gap", 3),
        ("final_eval_loss_gap", "final loss gap, evaluated", 3),
        ("final_eval_accuracy_gap", "final accuracy gap, evaluated", 3),
        ("images_per_second", "images/s", 0),
        ("seconds_per_epoch", "s/epoch", 1),
    ):
        if frame[f"{metric}_mean"].notna().any():  # older histories have no evaluated training images
            shown[heading] = tables.means(frame, metric, digits)
    shown["runs that shared their core"] = ["" if pd.isna(count) else str(count) for count in frame["runs_that_shared_their_core"]]
    shown["parameters"] = [f"{count:,}" for count in frame["parameters"]]
    shown["MFLOP"] = [f"{count / 1e6:,.1f}" if pd.notna(count) else "" for count in frame["training_flops_per_image"]]
    for column, heading in (
        ("activation_bytes", "activations (MB)"),
        ("optimizer_bytes", "optimizer (MB)"),
        ("peak_memory_bytes", "peak memory (MB)"),
    ):
        shown[heading] = [f"{size / 1e6:,.{0 if size > 1e8 else 2}f}" if pd.notna(size) else "" for size in frame[column]]
    return shown


def _reached(seeds: int, reached: int, iterations: float, seconds: float) -> str:
    if not reached:
        return "not reached"
    return f"{iterations:,.0f} ({seconds:,.0f})" + (f", {reached} of {seeds} seeds" if reached < seeds else "")
