#!/bin/sh
# Say of a Slurm job, by its id, what Snakemake asks: running, success or failed. Another batch system needs another such script.
# A controller that does not answer says nothing of the job; one that has forgotten it says "Invalid job id".
answer=$(scontrol --oneliner show job "$1" 2>&1)
case $answer in
    *JobState=COMPLETED*) echo success ;;
    *JobState=PENDING* | *JobState=RUNNING* | *JobState=CONFIGURING* | *JobState=COMPLETING* | *JobState=SUSPENDED*) echo running ;;
    *JobState=PREEMPTED* | *JobState=REQUEUED* | *JobState=STOPPED* | *JobState=RESIZING* | *JobState=SIGNALING*) echo running ;;
    *JobState=* | *"Invalid job id"*) echo failed ;;
    *) echo running ;;
esac
