#!/bin/sh
# Submit a job to Grid Engine. While the master does not answer, try again for an hour. A refused job is not tried again.
for _ in $(seq 360); do
    qsub "$@" && exit
    qstat >/dev/null 2>&1 && exec qsub "$@" # the master answers, perhaps again
    sleep 10
done
exit 1
