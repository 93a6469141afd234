#!/bin/sh
# Submit a job to Slurm. While the controller does not answer, try again for an hour. A refused job is not tried again.
for _ in $(seq 360); do
    sbatch "$@" && exit
    sinfo >/dev/null 2>&1 && exec sbatch "$@" # the controller answers, perhaps again
    sleep 10
done
exit 1
