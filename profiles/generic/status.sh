#!/bin/sh
# Say of a Slurm job, by its id, what Snakemake asks: running, success or failed. Another batch system needs another such script.
# A controller that does not answer says nothing of the job. One that does not know it says "Invalid job id"; so does one that has
# just been started and is still reading what there was, so that this counts after some minutes only.
missed=logs/generic/$1.missed # holds when the job was first found unknown
answer=$(scontrol --oneliner show job "$1" 2>&1)
case $answer in *JobState=*) rm -f "$missed" ;; esac
case $answer in
    *JobState=COMPLETED*) echo success ;;
    *JobState=PENDING* | *JobState=RUNNING* | *JobState=CONFIGURING* | *JobState=COMPLETING* | *JobState=SUSPENDED*) echo running ;;
    *JobState=PREEMPTED* | *JobState=REQUEUED* | *JobState=STOPPED* | *JobState=RESIZING* | *JobState=SIGNALING*) echo running ;;
    *JobState=*) echo failed ;;
    *"Invalid job id"*)
        [ -e "$missed" ] || { mkdir -p logs/generic && date +%s >"$missed"; }
        if [ $(($(date +%s) - $(cat "$missed"))) -lt 300 ]; then echo running; else echo failed; fi
        ;;
    *) echo running ;;
esac
