#!/usr/bin/env python
"""Train one variant from one seed: write its history, its summary and its best model, and track all of it in MLflow."""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from convnets import (
    backend,
    checkpoints,
    command,
    dataset,
    files,
    fingerprint,
    hardware,
    records,
    settings,
    signals,
    stamps,
    tracking,
    unfinished,
)
from convnets.errors import InputError

BASE_MEMORY = 800 * 2**20  # bytes, of TensorFlow and MLflow; the data set is there as an array and as a tensor

logger = logging.getLogger(__name__)


def main() -> None:
    """Train, write and track."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--variant", required=True, help="id of the variant")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--fingerprint", required=True, help="digest of all that can change the result")
    parser.add_argument("--threads", type=int, default=1, help="threads to compute on (default: %(default)s)")
    parser.add_argument("--dataset", type=Path, required=True, help="the prepared data set")
    parser.add_argument("--manifest", type=Path, required=True, help="the data set's manifest")
    parser.add_argument("--plan", type=Path, required=True, help="what to track where")
    parser.add_argument("--unfinished", type=Path, required=True, help="folder of this training while it is not finished")
    parser.add_argument("--history", type=Path, required=True, help="output: CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="output: JSON")
    parser.add_argument("--model", type=Path, required=True, help="output: Keras model")
    parser.add_argument("--attempt", type=int, default=1, help="number of this attempt (default: %(default)s)")
    arguments = parser.parse_args()
    with unfinished.claimed(arguments.unfinished):
        if arguments.attempt > 1 and (failure := unfinished.failure_of(arguments.unfinished, arguments.fingerprint)):
            raise InputError(failure)  # it would fail again
        _train(arguments)


def _train(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    backend.use_threads(arguments.threads)
    from convnets import figures, training

    name = f"{arguments.variant}, seed {arguments.seed}"
    needed = BASE_MEMORY + 2 * arguments.dataset.stat().st_size if arguments.dataset.is_file() else 0
    available = hardware.available_memory()
    if available is not None and available < needed:
        raise InputError(
            f"{name}: needs about {needed / 2**20:,.0f} MiB of memory, and {available / 2**20:,.0f} are available; "
            "run fewer at once (--cores), or ask for more"
        )
    chosen = settings.from_dict(arguments.settings)
    plan = tracking.Plan.read(arguments.plan)
    membership = plan.members[arguments.variant]
    data = dataset.load(arguments.dataset)
    manifest = files.read_json(arguments.manifest)
    components = fingerprint.run_components(chosen, arguments.seed, fingerprint.of_manifest(manifest))
    if fingerprint.digest(components) != arguments.fingerprint:
        raise InputError(
            f"{name}: the code, the data set or a library is no longer what this run was planned with; run the workflow again"
        )
    dataset.check(data, manifest, arguments.dataset)

    resumed = checkpoints.read(arguments.unfinished, arguments.fingerprint)
    if resumed:
        logger.info("going on after epoch %d of %d", len(resumed.history), chosen.training.epochs)

    # What only the newest checkpoint holds, or none, may be trained again, and must not be tracked twice.
    untracked: list[records.Epoch] = []
    tracked_before: set[int] = set()

    def observe(state: checkpoints.State) -> None:
        epoch = state.history[-1]
        logger.info(
            "epoch %d/%d, iteration %d: loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f; %.1f s",
            *(epoch.epoch, chosen.training.epochs, epoch.iteration, epoch.train_loss, epoch.train_accuracy),
            *(epoch.val_loss, epoch.val_accuracy, epoch.seconds),
        )
        untracked.append(epoch)
        try:
            checkpoints.write(arguments.unfinished, arguments.fingerprint, state)
        except OSError as error:  # a full disk should not end a training; the next epoch tries again
            logger.warning("no checkpoint of epoch %d: %s", epoch.epoch, error)
        else:
            track(untracked[:-1])

    def track(rows: Sequence[records.Epoch]) -> None:
        with signals.shielded():
            for row in rows:
                if row.iteration not in tracked_before:
                    tracking.log_history_row(row)
                untracked.remove(row)

    tracked = tracking.training_run(
        plan.store, arguments.variant, arguments.seed, components, membership, chosen.flat(), arguments.unfinished
    )
    with tracked as run:
        with signals.shielded():
            tracking.log_dataset(manifest, arguments.dataset)
        tracked_before |= tracking.logged_iterations(run)
        if resumed:
            untracked += resumed.history
            track(untracked[:-1])
        try:
            result = training.train(chosen, arguments.seed, data, observe, resumed)
        except training.NonFiniteLossError as error:
            unfinished.failed(arguments.unfinished, arguments.fingerprint, f"{name}: {error}")
            raise InputError(f"{name}: {error}") from error
        metrics = result.summary(arguments.variant, arguments.seed, arguments.fingerprint, run.info.run_id)
        records.write_history(arguments.history, result.history)
        with files.atomic_path(arguments.model) as temporary:
            result.model.save(temporary)
        track(list(untracked))
        example = data.validation.images[:2].astype("float32")
        with signals.shielded():
            tracking.log_summary(metrics.numbers())
            tracking.log_model(result.model, example, result.model.predict(example, verbose=0))
            tracking.log_figure(figures.learning_curves(pd.read_csv(arguments.history), membership.label), "learning_curves")
    # After MLflow's run is closed: whoever finds the summary finds everything else.
    outputs = [arguments.history, arguments.metrics, arguments.model]
    before = sum(epoch.seconds for epoch in resumed.history) if resumed else 0.0
    with stamps.stamping(arguments.stamp, components, [], outputs, before + time.monotonic() - started):
        records.write_metrics(arguments.metrics, metrics)
    logger.info(
        "best validation accuracy %.4f in epoch %d; test accuracy %.4f, loss %.4f; %.0f images/s",
        *(metrics.best_val_accuracy, metrics.best_epoch, metrics.test_accuracy, metrics.test_loss, metrics.images_per_second),
    )


if __name__ == "__main__":
    command.run(main)
