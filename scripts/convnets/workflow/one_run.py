"""Making one run: train or fetch it, write its files, deliver it to the tracking store. One process at a time makes a run.

The files are complete without MLflow. MLflow gets points in the background while the training goes on, and the rest once the files
are written.
"""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from convnets import device, files, hardware, settings
from convnets.data import dataset
from convnets.errors import InputError
from convnets.freshness import fingerprint, stamps
from convnets.runs import records, unfinished
from convnets.runs.layout import RUN_FILES, VERIFIED, Layout, run_of
from convnets.study.stores import TRACKED, Plan
from convnets.tracking import reuse
from convnets.tracking.connection import StoreError, connect
from convnets.tracking.delivery import deliver
from convnets.tracking.finished_run import Finished, Identity
from convnets.tracking.following import PATIENCE_S, Follower, LateError, followed, time_limit
from convnets.training import checkpoints
from convnets.workflow import command, version_control
from convnets.workflow.frame import Job

# The time limit of delivery, during which the core is idle: seconds, or a share of the training's time if that is more.
DELIVERY_S, DELIVERY_SHARE = 30.0, 0.02
BASE_MEMORY = 800 * 2**20  # bytes of TensorFlow and MLflow; the data set comes on top, as an array and as a tensor
SETTLING_S = 5.0  # until a network file system shows what another host has written

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """An attempt at a run.

    `number` counts the attempts. `patience` is the seconds to wait for another process that makes the same run, `deliver_within`
    the time limit of delivery in seconds (None: the default). `is_submitted`: whether this is a job of a batch system.
    """

    job: Job
    threads: int
    gpu: bool
    number: int
    patience: float
    deliver_within: float | None
    is_submitted: bool

    @cached_property
    def run(self) -> Path:
        """The folder of the run's files."""
        return self.job.output("stamp").parent

    @property
    def variant(self) -> str:
        """The id of the variant."""
        return run_of(self.run)[0]

    @property
    def seed(self) -> int:
        """The seed."""
        return int(run_of(self.run)[1])

    @property
    def name(self) -> str:
        """The name of the run in messages."""
        return f"{self.variant}, seed {self.seed}"

    @property
    def unfinished(self) -> Path:
        """The folder of the training while it is not finished."""
        return unfinished.folder_of(Layout(self.run.parents[2]), self.variant, self.seed)

    def make(self) -> None:
        """Make the run, unless another process has."""
        try:
            with unfinished.claimed(self.unfinished, self.patience) as waited:
                # Snakemake removes outputs before it makes them again. If they are here, another process was faster.
                if not self._is_finished() and not (waited and self._appears()):
                    self._make()
                    return
                command.stop_no_more()
                logger.info("another process has finished this run; there is nothing left to do")
        except (SystemExit, InputError):  # while it waited for another process, too
            command.stop_no_more()
            if not self._is_finished():  # else Snakemake would remove the run
                raise
            logger.info("this run is finished all the same")

    def _make(self) -> None:
        """Make the run, which no other process makes meanwhile."""
        if self.number > 1 and (failure := unfinished.failure_of(self.unfinished, self.job.fingerprint)):
            raise InputError(failure)  # it would fail again
        self.run.mkdir(parents=True, exist_ok=True)
        files.remove_partial(self.run)
        for note in (TRACKED, VERIFIED):  # of the run that was here
            (self.run / note).unlink(missing_ok=True)
        plan = Plan.read(self.job.input("plan"))
        try:
            wanted = (self.variant, self.seed, self.job.fingerprint, self.run)
            if not plan.reuse or self.why_untracked(plan) or not reuse.fetch(plan.store, *wanted):
                model, follower = self._train(plan)
                self._deliver(plan, model, follower)
            command.stop_no_more()
        except SystemExit:
            command.stop_no_more()  # a second signal changes nothing
            if not self._is_finished():
                raise
            # The run is finished. If the exit status said otherwise, Snakemake would remove it.
            logger.warning("asked to stop when finished; the next run of the workflow, or `make sync`, tracks what is missing")

    def _is_finished(self) -> bool:
        """Return whether the run is complete, unchanged and bears the wanted fingerprint."""
        stamp = stamps.read(path := self.run / stamps.STAMP)
        return stamp is not None and stamp.fingerprint == self.job.fingerprint and not stamps.damage(path, stamp)

    def _appears(self) -> bool:
        """Return whether the run appears within some seconds; a network file system shows another host's files late."""
        ends = time.monotonic() + SETTLING_S
        while not self._is_finished():
            if time.monotonic() > ends:
                return False
            time.sleep(0.5)
            with suppress(OSError):
                list(self.run.iterdir())  # refreshes the client's cache of names, which a look-up of one name would use
        return True

    def why_untracked(self, plan: Plan) -> str:
        """Return why this process does not use the store; empty if it does."""
        is_left_alone = self.is_submitted and plan.store.database
        return "a job of a batch system leaves a database in a file alone" if is_left_alone else ""

    def _train(self, plan: Plan) -> tuple[Any, Follower]:
        """Train and write the run's files; return the Keras model, and the follower of the training."""
        started = time.monotonic()
        self._check_memory()
        used, mark = device.configure(self.threads, gpu=self.gpu), self.job.fingerprint
        import tensorflow

        from convnets.training import loop, outcome
        from convnets.training.keras_objects import RefusedError
        from convnets.training.result import Result

        chosen = settings.from_dict(self.job.settings)
        data = dataset.load(self.job.input("dataset"), self.seed)
        manifest = files.read_json(self.job.input("manifest"))
        components = fingerprint.run_components(chosen, self.seed, fingerprint.of_manifest(manifest))
        if fingerprint.digest(components) != mark:
            changed = "the code, the data set or a library is no longer what this run was planned with"
            raise InputError(f"{self.name}: {changed}; run the workflow again")
        digests = dataset.digests(manifest, self.seed)
        dataset.check(data, digests, self.job.input("dataset"))
        resumed = checkpoints.read(self.unfinished, mark)
        if resumed:
            logger.info("going on after %s, of %d", resumed, chosen.training.epochs)
        begun = unfinished.begin(self.unfinished, mark, plan.store.uri, plan.store.experiment, is_open=not self.why_untracked(plan))
        identity = Identity(self.variant, self.seed, mark, begun.training, begun.began, version_control.commit())
        follower = Follower(plan.store, identity, plan.members[self.variant], chosen.flat(), self.why_untracked(plan))

        def record(result: Result) -> records.Record:
            machine = (used, chosen.training.precision, digests, components["libraries"])
            return replace(result.record(begun.training, begun.began, *machine), commit=identity.commit)

        outputs, observe = [self.run / file for file in RUN_FILES], partial(self._observe, chosen.training.epochs, follower)
        before = (resumed.seconds if resumed else 0.0) + time.monotonic() - started
        try:
            with followed(follower, self.deliver_within or PATIENCE_S), command.stop_deferred() as is_to_stop:
                try:
                    with stamps.stamping(self.job.output("stamp"), components, [], outputs, before):
                        result, metrics = outcome.produce(self.run, chosen, mark, data, observe, resumed, is_to_stop, record)
                except loop.StoppedError as stopped:
                    self._keep(stopped.state)
        except (loop.NonFiniteLossError, RefusedError, InputError) as error:
            unfinished.failed(self.unfinished, mark, f"{self.name}: {error}")
            raise InputError(f"{self.name}: {error}") from error
        except tensorflow.errors.ResourceExhaustedError as error:
            raise MemoryError from error
        finally:
            if follower.is_closed:
                with suppress(OSError):  # on a full disk the record stays, and the next run of the workflow closes the tracked run
                    replace(begun, is_open=False).write(self.unfinished)
        logger.info(
            "best validation accuracy %.4f in epoch %d; test accuracy %.4f, loss %.4f; %.0f images/s",
            *(metrics.best_val_accuracy, metrics.best_epoch, metrics.test_accuracy, metrics.test_loss, metrics.images_per_second),
        )
        return result.model, follower

    def _observe(self, epochs: int, follower: Follower, state: checkpoints.State) -> None:
        """Note an epoch that has ended, of so many: log a line, write a checkpoint and tell the follower."""
        epoch = state.history[-1]
        logger.info(
            "epoch %d/%d, iteration %d: loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f; %.1f s",
            *(epoch.epoch, epochs, epoch.iteration, epoch.train_loss, epoch.train_accuracy),
            *(epoch.val_loss, epoch.val_accuracy, epoch.seconds),
        )
        try:
            checkpoints.write(self.unfinished, self.job.fingerprint, state)
        except OSError as error:  # such as a full disk, which would have no room for the results either
            raise InputError(
                f"{self.name}: no checkpoint of epoch {epoch.epoch} can be written to {self.unfinished}: "
                f"{error.strerror or error}; once there is room, the next run goes on after epoch {epoch.epoch - 1}"
            ) from error
        unfinished.note(self.unfinished, state.history)
        # The newest epoch is held back. If its checkpoint cannot be read, it is trained again, and the store cannot delete a point.
        follower.tell(state.history[:-1], state.usage[:-1])

    def _keep(self, state: checkpoints.State) -> None:
        """Write a checkpoint of a training that was asked to stop. A full disk costs it the part of the epoch that is done."""
        logger.info("asked to stop, after %s", state)
        unfinished.note(self.unfinished, state.history, pause=0)
        try:
            checkpoints.write(self.unfinished, self.job.fingerprint, state)
        except OSError as error:
            logger.warning("no checkpoint can be written to %s: %s", self.unfinished, error.strerror or error)

    def _check_memory(self) -> None:
        data = self.job.input("dataset")
        needed = BASE_MEMORY + 2 * data.stat().st_size if data.is_file() else 0
        # The imports of this process have already allocated a part of it.
        available = hardware.available_memory() + hardware.resident_memory()
        if available < needed:
            raise InputError(
                f"{self.name}: needs about {needed / 2**20:,.0f} MiB of memory, and {available / 2**20:,.0f} are available; "
                "run fewer at once (--cores), or ask for more"
            )

    def _deliver(self, plan: Plan, model: Any, follower: Follower) -> None:  # noqa: ANN401  (Keras ships no types)
        """Deliver the run to the store. If that fails or takes too long, the run counts as finished and is delivered later."""
        if reason := self.why_untracked(plan):
            logger.info("finished; %s, so this run is brought to the store where the workflow runs", reason)
            return
        try:
            finished = Finished.read(self.run)
            seconds = self.deliver_within or max(DELIVERY_S, DELIVERY_SHARE * finished.metrics.train_seconds)
            if reason := follower.why_not_deliver(seconds):
                raise StoreError(reason)
            with time_limit(seconds):
                deliver(connect(plan.store), finished, plan.members[self.variant], model)
            return
        except LateError:
            problem = f"the tracking store {plan.store.uri} has not taken all of it within {seconds:.0f} s"
        except (InputError, OSError) as error:  # such as a full disk: delivery writes the run's id into its folder
            problem = str(error)
        logger.warning("finished, and not tracked yet: %s. The next run of the workflow, or `make sync`, brings it there.", problem)
