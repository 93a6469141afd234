#!/bin/sh
# Submit a job to Grid Engine. While the master is away, that is tried again, for an hour; what it refuses is not.
for _ in $(seq 360); do
    qsub "$@" && exit
    qstat >/dev/null 2>&1 && exec qsub "$@" # it is there, or back
    sleep 10
done
exit 1
