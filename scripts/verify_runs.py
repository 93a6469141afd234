#!/usr/bin/env python
"""Verify bit for bit runs that are stale only because code or a library changed, and make them fresh.

Trains the first epoch of each run again and evaluates its stored model again. Exits with status 1 if anything differs.
"""

import stage

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from convnets.errors import InputError
from convnets.workflow import command, planning, verify


def main() -> None:
    """Find the runs, verify them in parallel, print each outcome, and update the tracking store."""
    parser = command.study_parser(__doc__, cores_for="runs side by side")
    parser.add_argument("--run", help="only this run, variant/seedN (default: every run that is stale for such a reason)")
    arguments = parser.parse_args()
    steps = planning.load(arguments.configfiles)
    steps.study.require_own_runs()
    found = list(verify.candidates(steps, arguments.run))
    for step, obstacle in found:
        if obstacle:
            print(f"not verified  {step.key}: {obstacle}")
    chosen = [step for step, obstacle in found if not obstacle]
    if arguments.run and not chosen:
        raise InputError(f"{arguments.run} cannot be verified")
    if not chosen:
        print("there is nothing to verify")
        return
    data = steps.study.layout.dataset
    command.snakemake(arguments.configfiles, arguments.cores, "--", str(data))
    verified = []
    # One process per run, since TensorFlow's number of threads is fixed once a process computes.
    with ProcessPoolExecutor(arguments.cores, get_context("spawn"), verify.be_quiet, max_tasks_per_child=1) as pool:
        for step, result in zip(chosen, pool.map(verify.verify, chosen, [data] * len(chosen)), strict=True):
            if result.differences:
                print(f"differs       {step.key}", *result.differences, sep="\n                ")
            else:
                verified.append(step)
                without = f" (not compared, since it is missing: {', '.join(result.not_compared)})" if result.not_compared else ""
                print(f"verified      {step.key}: equal bit for bit{without}")
    print(f"{len(verified)} of {len(chosen)} runs verified; an equal first epoch does not prove the last")
    if verified:
        from convnets.tracking import publishing  # MLflow takes seconds to import

        if problem := publishing.bring(steps.study.plan, [step.stamp.parent for step in verified]):
            print(f"not in the tracking store yet (make sync): {problem}")
        again = steps.again()  # these count verified runs, and no stamp is stale by that
        if fresh := [rule for rule in ("tabulate_variants", "write_overview") if not again.is_stale(rule)]:
            made = [str(steps[rule].files[0]) for rule in fresh]
            command.snakemake(arguments.configfiles, arguments.cores, "--forcerun", *fresh, "--", *made)
    sys.exit(len(verified) < len(chosen))


if __name__ == "__main__":
    command.run(main)
