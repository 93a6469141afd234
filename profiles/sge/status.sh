#!/bin/sh
# Print the status of a Grid Engine job, given by its id: running, success or failed.
job=$1
missed=logs/sge/$job.missed # holds the time at which the job was first unknown
# If the master does not answer, the job counts as running.
jobs=$(qstat -u '*' 2>/dev/null) || { echo running; exit; }
state=$(echo "$jobs" | awk -v job="$job" '$1 == job { print $5; exit }')
case $state in
    *E*) echo failed; exit ;;  # Grid Engine could not start it and does not try again
    ?*) rm -f "$missed"; echo running; exit ;;
esac
# An ended job is in the accounting file, on a slow file system after some minutes. A restarted job has several records; the last
# one counts.
if record=$(qacct -j "$job" 2>/dev/null); then
    rm -f "$missed"
    echo "$record" | awk '
        $1 == "failed" { failed = $2 }
        $1 == "exit_status" { status = $2 }
        END { print (failed == 0 && status == 0) ? "success" : "failed" }'
    exit
fi
[ -e "$missed" ] || { mkdir -p logs/sge && date +%s >"$missed"; }
if [ $(($(date +%s) - $(cat "$missed"))) -lt 300 ]; then echo running; else echo failed; fi
