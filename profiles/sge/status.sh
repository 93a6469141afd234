#!/bin/sh
# Say of a Grid Engine job, by its id, what Snakemake asks: running, success or failed.
job=$1
# A master that does not answer says nothing of the job.
jobs=$(qstat -u '*' 2>/dev/null) || { echo running; exit; }
state=$(echo "$jobs" | awk -v job="$job" '$1 == job { print $5; exit }')
case $state in
    *E*) echo failed; exit ;;  # it could not be started, and will not be
    ?*) echo running; exit ;;
esac
# What has ended is in the accounting file soon after. The last record counts, since a job may have been started more than once.
for _ in $(seq 30); do
    if record=$(qacct -j "$job" 2>/dev/null); then
        echo "$record" | awk '
            $1 == "failed" { failed = $2 }
            $1 == "exit_status" { status = $2 }
            END { print (failed == 0 && status == 0) ? "success" : "failed" }'
        exit
    fi
    sleep 1
done
echo failed
