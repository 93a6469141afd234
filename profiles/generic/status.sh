#!/bin/sh
# Print the status of a Slurm job, given by its id: running, success or failed. Another batch system needs a script of its own.
# If the controller does not answer, the job counts as running. If it answers "Invalid job id", the job counts as failed after five
# minutes, because a controller that has just been started gives this answer until it has read its state.
missed=logs/generic/$1.missed # holds the time at which the job was first unknown
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
