#!/usr/bin/env python
"""Show that runs which are stale only because code or a library changed are the same bits, and let them count as fresh.

Trains the first epoch of each again and evaluates its stored model again. Exits with status 1 if anything differs.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from convnets.errors import InputError
from convnets.workflow import command, planning, verify


def main() -> None:
    """Find the runs, verify them side by side, say what came of each, bring it to the tracking store."""
    parser = command.configured_parser(__doc__)
    parser.add_argument("--run", help="only this run, variant/seedN (default: every run that is stale for such a reason)")
    parser.add_argument("--cores", type=command.cores, default="all", help="runs side by side: a number, or all (default)")
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
    command.snakemake(arguments.configfiles, str(arguments.cores), "--quiet", "all", "--", str(data))
    verified = []
    # A process each, since a process computes on one number of threads only.
    with ProcessPoolExecutor(arguments.cores, get_context("spawn"), verify.be_quiet, max_tasks_per_child=1) as pool:
        for step, result in zip(chosen, pool.map(verify.verify, chosen, [data] * len(chosen)), strict=True):
            if result.differences:
                print(f"differs       {step.key}", *result.differences, sep="\n                ")
            else:
                verified.append(step)
                without = f" (not compared, since it is missing: {', '.join(result.not_compared)})" if result.not_compared else ""
                print(f"verified      {step.key}: equal bit for bit{without}")
    print(f"{len(verified)} of {len(chosen)} runs verified; an equal first epoch does not prove the last")
    if problem := verify.track(steps, [step.stamp.parent for step in verified]):
        print(f"not in the tracking store yet (make sync): {problem}")
    sys.exit(len(verified) < len(chosen))


if __name__ == "__main__":
    command.run(main)
