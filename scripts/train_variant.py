#!/usr/bin/env python
"""Train one variant from one seed: write its history, its summary, its record and its best model, and track all of it in MLflow.

The files are complete without MLflow. It follows the training in the background, and gets the rest once the files are written.
"""

import argparse
import json
import logging
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from convnets import backend, checkpoints, command, dataset, files, fingerprint, hardware, records, settings, stamps, unfinished
from convnets.deadline import LateError, time_limit
from convnets.delivery import deliver
from convnets.errors import InputError
from convnets.finished_run import Finished, Identity
from convnets.following import PATIENCE_S, Follower, followed
from convnets.stores import Plan, forget
from convnets.tracking import StoreError, connect

# Seconds that delivery may take, during which the core is idle: so many, or such a share of the training's time if that is more.
DELIVERY_S, DELIVERY_SHARE = 30.0, 0.02
BASE_MEMORY = 800 * 2**20  # bytes, of TensorFlow and MLflow; the data set is there as an array and as a tensor
SETTLING_S = 5.0  # in which what another host has written shows on a network file system

logger = logging.getLogger(__name__)


def main() -> None:
    """Train, write and track."""
    parser = command.parser(__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON: what the run is set to")
    parser.add_argument("--variant", required=True, help="id of the variant")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--fingerprint", required=True, help="digest of all that can change the result")
    parser.add_argument("--threads", type=int, default=1, help="threads to compute on (default: %(default)s)")
    parser.add_argument("--gpu", type=int, default=0, help="1: train on a GPU (default: %(default)s)")
    parser.add_argument("--dataset", type=Path, required=True, help="the prepared data set")
    parser.add_argument("--manifest", type=Path, required=True, help="the data set's manifest")
    parser.add_argument("--plan", type=Path, required=True, help="what to track where")
    parser.add_argument("--unfinished", type=Path, required=True, help="folder of this training while it is not finished")
    parser.add_argument("--run", type=Path, required=True, help="output: folder of the run's files and its stamp")
    parser.add_argument("--planned-on", help="host on which the workflow runs (default: this one)")
    parser.add_argument("--attempt", type=int, default=1, help="number of this attempt (default: %(default)s)")
    waiting = "seconds to wait for another process that trains the same, as one that outlived its Snakemake (default: %(default)s)"
    parser.add_argument("--patience", type=float, default=unfinished.PATIENCE_S, help=waiting)
    usual = f"{DELIVERY_S:g}, or {100 * DELIVERY_SHARE:g} %% of the training's"
    parser.add_argument("--deliver-within", type=command.seconds, help=f"seconds for delivery to the store (default: {usual})")
    arguments = parser.parse_args()
    with unfinished.claimed(arguments.unfinished, arguments.patience) as waited:
        # Snakemake removes what it has made again, so another process was faster.
        if _is_finished(arguments) or (waited and _appears(arguments)):
            command.stop_no_more()
            logger.info("another process has finished this run; there is nothing left to do")
            return
        if arguments.attempt > 1 and (failure := unfinished.failure_of(arguments.unfinished, arguments.fingerprint)):
            raise InputError(failure)  # it would fail again
        arguments.run.mkdir(parents=True, exist_ok=True)
        files.remove_partial(arguments.run)
        forget(arguments.run)
        plan = Plan.read(arguments.plan)
        try:
            if not (plan.reuse and _fetch(arguments, plan)):
                model, follower = _train(arguments, plan)
                _deliver(arguments, plan, model, follower)
            command.stop_no_more()
        except SystemExit:
            command.stop_no_more()  # one who asks again is answered already
            if not _is_finished(arguments):
                raise
            # The run is made. To exit as if it were not would let Snakemake remove it.
            logger.warning(
                "asked to stop when finished, before all was tracked; the next run of the workflow, or `make sync`, does that"
            )


def _is_finished(arguments: argparse.Namespace) -> bool:
    """Return whether the run is there, whole, as it would be trained now."""
    path = arguments.run / stamps.STAMP
    stamp = stamps.read(path)
    return stamp is not None and stamp.fingerprint == arguments.fingerprint and not stamps.damage(path, stamp)


def _appears(arguments: argparse.Namespace) -> bool:
    """Return whether the run is there after some seconds, in which a network file system may show what another host has written."""
    ends = time.monotonic() + SETTLING_S
    while not _is_finished(arguments):
        if time.monotonic() > ends:
            return False
        time.sleep(0.5)
        with suppress(OSError):
            list(arguments.run.iterdir())  # asks the server, which the name of a file that was not there a moment ago does not
    return True


def _fetch(arguments: argparse.Namespace, plan: Plan) -> bool:
    """Return whether the store has the run, and its files could be fetched."""
    from convnets import reuse

    return reuse.fetch(plan.store, arguments.variant, arguments.seed, arguments.fingerprint, arguments.run, arguments.planned_on)


def _train(arguments: argparse.Namespace, plan: Plan) -> tuple[Any, Follower]:
    """Train and write the run's files; return the Keras model, and what has followed the training into the store."""
    started = time.monotonic()
    name = f"{arguments.variant}, seed {arguments.seed}"
    _check_memory(name, arguments.dataset)
    device = backend.configure(arguments.threads, gpu=bool(arguments.gpu))
    import tensorflow

    from convnets import outcome, training

    chosen = settings.from_dict(arguments.settings)
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
        logger.info("going on after %s, of %d", resumed, chosen.training.epochs)
    begun = unfinished.begin(arguments.unfinished, arguments.fingerprint, plan.store.uri, plan.store.experiment)
    identity = Identity(arguments.variant, arguments.seed, arguments.fingerprint, begun.training, begun.began)
    follower = Follower(plan.store, identity, plan.members[arguments.variant], chosen.flat(), arguments.planned_on)

    def observe(state: checkpoints.State) -> None:
        epoch = state.history[-1]
        logger.info(
            "epoch %d/%d, iteration %d: loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f; %.1f s",
            *(epoch.epoch, chosen.training.epochs, epoch.iteration, epoch.train_loss, epoch.train_accuracy),
            *(epoch.val_loss, epoch.val_accuracy, epoch.seconds),
        )
        try:
            checkpoints.write(arguments.unfinished, arguments.fingerprint, state)
        except OSError as error:  # a disk that is full: to go on would lose all that follows, since results have no place either
            raise InputError(
                f"{name}: no checkpoint of epoch {epoch.epoch} can be written to {arguments.unfinished}: "
                f"{error.strerror or error}; once there is room, the next run goes on after epoch {epoch.epoch - 1}"
            ) from error
        # What the newest checkpoint alone holds may have to be trained again, and the store cannot take a point back.
        follower.tell(state.history[:-1], state.usage[:-1])

    def record(result: training.Result) -> records.Record:
        digests = {split: entry["sha256"] for split, entry in manifest["splits"].items()}
        return result.record(begun.training, begun.began, device, chosen.training.precision, digests)

    task = outcome.Task(chosen, arguments.variant, arguments.seed, arguments.fingerprint, arguments.run)
    outputs = [arguments.run / file for file in records.RUN_FILES]
    before = (resumed.seconds if resumed else 0.0) + time.monotonic() - started
    try:
        with followed(follower, arguments.deliver_within or PATIENCE_S), command.stop_deferred() as is_to_stop:
            try:
                with stamps.stamping(arguments.run / stamps.STAMP, components, [], outputs, before):
                    result, metrics = outcome.produce(task, data, observe, resumed, is_to_stop, record)
            except training.StoppedError as stopped:
                _keep(arguments, stopped.state)
    except training.NonFiniteLossError as error:
        unfinished.failed(arguments.unfinished, arguments.fingerprint, f"{name}: {error}")
        raise InputError(f"{name}: {error}") from error
    except tensorflow.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    finally:
        if follower.is_closed:
            with suppress(OSError):  # a full disk leaves the record as it was, and the run is looked at again
                replace(begun, is_open=False).write(arguments.unfinished)
    logger.info(
        "best validation accuracy %.4f in epoch %d; test accuracy %.4f, loss %.4f; %.0f images/s",
        *(metrics.best_val_accuracy, metrics.best_epoch, metrics.test_accuracy, metrics.test_loss, metrics.images_per_second),
    )
    return result.model, follower


def _keep(arguments: argparse.Namespace, state: checkpoints.State) -> None:
    """Write a checkpoint of a training that was asked to stop; a disk that is full costs it what is done of the epoch."""
    logger.info("asked to stop, after %s", state)
    try:
        checkpoints.write(arguments.unfinished, arguments.fingerprint, state)
    except OSError as error:
        logger.warning("no checkpoint can be written to %s: %s", arguments.unfinished, error.strerror or error)


def _check_memory(name: str, data: Path) -> None:
    needed = BASE_MEMORY + 2 * data.stat().st_size if data.is_file() else 0
    available = hardware.available_memory()
    if available is None:
        return
    available += hardware.resident_memory()  # by the imports, whose part need not be had again
    if available < needed:
        raise InputError(
            f"{name}: needs about {needed / 2**20:,.0f} MiB of memory, and {available / 2**20:,.0f} are available; "
            "run fewer at once (--cores), or ask for more"
        )


def _deliver(arguments: argparse.Namespace, plan: Plan, model: Any, follower: Follower) -> None:  # noqa: ANN401  (Keras ships no types)
    """Bring the run to the store. If that does not succeed in time, the run is finished all the same, and delivered later."""
    from convnets.presentation import present

    try:
        finished = Finished.read(arguments.run)
        seconds = arguments.deliver_within or max(DELIVERY_S, DELIVERY_SHARE * finished.metrics.train_seconds)
        if reason := follower.why_not_deliver(seconds):
            raise StoreError(reason)
        member = plan.members[finished.metrics.variant]
        with time_limit(seconds):
            connection = connect(plan.store, arguments.planned_on)
            deliver(connection, finished, member, lambda path: present(finished, member.label, path), lambda: model)
        return
    except LateError:
        problem = f"the tracking store {plan.store.uri} has not taken all of it within {seconds:.0f} s"
    except (InputError, OSError) as error:  # a full disk, say: the run's id is noted in its folder. It is finished all the same
        problem = str(error)
    logger.warning("finished, and not tracked yet: %s. The next run of the workflow, or `make sync`, brings it there.", problem)


if __name__ == "__main__":
    command.run(main)
    command.leave()
