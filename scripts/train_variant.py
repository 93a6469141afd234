#!/usr/bin/env python
"""Train one variant from one seed: write its history, its summary, its record and its best model, and track all of it in MLflow."""

import stage

from pathlib import Path

from convnets.runs.unfinished import PATIENCE_S
from convnets.workflow import command
from convnets.workflow.frame import HELP, Job
from convnets.workflow.one_run import DELIVERY_S, DELIVERY_SHARE, Attempt


def main() -> None:
    """Train, write and track."""
    parser = command.parser(__doc__)
    parser.add_argument("job", type=Path, help=HELP)
    parser.add_argument("--threads", type=int, default=1, help="threads to compute on (default: %(default)s)")
    parser.add_argument("--gpu", type=int, default=0, help="1: train on a GPU (default: %(default)s)")
    parser.add_argument("--attempt", type=int, default=1, help="number of this attempt (default: %(default)s)")
    waiting = "seconds to wait for another process that trains the same, as one that outlived its Snakemake (default: %(default)s)"
    parser.add_argument("--patience", type=float, default=PATIENCE_S, help=waiting)
    usual = f"{DELIVERY_S:g}, or {100 * DELIVERY_SHARE:g} %% of the training's"
    parser.add_argument("--deliver-within", type=command.seconds, help=f"seconds for delivery to the store (default: {usual})")
    parser.add_argument("--submitted", action="store_true", help="a job of a batch system: leaves a database in a file alone")
    chosen = parser.parse_args()
    job, gpu = Job.read(chosen.job), bool(chosen.gpu)
    Attempt(job, chosen.threads, gpu, chosen.attempt, chosen.patience, chosen.deliver_within, chosen.submitted).make()


if __name__ == "__main__":
    command.run(main)
    command.leave()
