"""Snakemake, except that it asks a batch system for its jobs every second: its intervals grow with trainings of hours in mind."""

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

INTERVAL_S = 1.0

if __name__ == "__main__":
    RemoteExecutor.next_seconds_between_status_checks = property(lambda _: INTERVAL_S, lambda *_: None)
    main()
