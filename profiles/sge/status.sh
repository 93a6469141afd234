#!/bin/sh
# Say of a Grid Engine job, by its id, what Snakemake asks: running, success or failed.
job=$1
missed=logs/sge/$job.missed # holds when the job was first found nowhere
# A master that does not answer says nothing of the job.
jobs=$(qstat -u '*' 2>/dev/null) || { echo running; exit; }
state=$(echo "$jobs" | awk -v job="$job" '$1 == job { print $5; exit }')
case $state in
    *E*) echo failed; exit ;;  # it could not be started, and will not be
    ?*) rm -f "$missed"; echo running; exit ;;
esac
# What has ended is in the accounting file, soon after or, with a slow file system, minutes. The last record counts, since a job may
# have been started more than once.
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
