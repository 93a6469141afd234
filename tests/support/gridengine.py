"""A real Grid Engine of one machine, private to the test that starts it."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusters import BatchSystem, require, runs
from servers import free_port
from waiting import wait_until

SPOOL_PROGRAMS = Path("/usr/lib/gridengine")
SHARED = Path("/var/lib/gridengine")
BOOTSTRAP = """\
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         {folder}/spool/db
binary_path             /usr/sbin
qmaster_spool_dir       {folder}/spool/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""


class GridEngine(BatchSystem):
    """A Grid Engine of one host: its daemons."""

    def __init__(self, folder: Path) -> None:
        ports = {"SGE_QMASTER_PORT": str(free_port()), "SGE_EXECD_PORT": str(free_port())}
        super().__init__(folder, {"SGE_ROOT": str(folder), "SGE_CELL": "default", **ports})
        self.host = os.uname().nodename
        common = folder / "default" / "common"
        for path in (common, folder / "spool" / "qmaster" / "job_scripts", folder / "spool" / "db", folder / "spool" / "execd"):
            path.mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (folder / name).symlink_to(SHARED / name)
        (common / "bootstrap").write_text(BOOTSTRAP.format(folder=folder))
        (common / "act_qmaster").write_text(f"{self.host}\n")
        (common / "host_aliases").write_text(f"{self.host} localhost\n")

    def start(self) -> None:
        shared = Path("/usr/share/gridengine")
        configuration = self.folder / "configuration"
        text = (shared / "default-configuration").read_text()
        text = re.sub(r"(?m)^(execd_spool_dir\s+).*$", rf"\g<1>{self.folder}/spool/execd", text)
        text = re.sub(r"(?m)^(min_uid|min_gid)(\s+).*$", r"\1\g<2>0", text)
        # The ends of jobs are written down at once: a master that is killed loses those that it has only noted.
        configuration.write_text(re.sub(r"(?m)^(reporting_params\s+)", r"\1accounting_flush_time=00:00:00 ", text))
        self.call(str(SPOOL_PROGRAMS / "spoolinit"), "berkeleydb", "libspoolb", f"{self.folder}/spool/db", "init")
        defaults = str(SPOOL_PROGRAMS / "spooldefaults")
        self.call(defaults, "configuration", str(configuration))
        self.call(defaults, "complexes", str(shared / "util" / "resources" / "centry"))
        self.call(defaults, "usersets", str(shared / "util" / "resources" / "usersets"))
        self.call(defaults, "managers", "root")
        self.start_master()
        self.call("qconf", "-as", self.host)
        self.call("sge_execd")
        wait_until(lambda: self.host in self.call("qconf", "-sel", check=False), "sge_execd")
        self._edit({"slots": "999", "allocation_rule": "$pe_slots"}, "-ap", "smp")
        self._edit({"schedule_interval": "0:0:2", "flush_submit_sec": "1", "flush_finish_sec": "1"}, "-msconf")
        # The scratch folders of jobs bear their ids and are removed with them: those of another cluster must not be beside them.
        scratch = self.folder / "scratch"
        scratch.mkdir()
        queue = {"hostlist": self.host, "slots": "8", "load_thresholds": "NONE", "pe_list": "smp", "tmpdir": str(scratch)}
        self._edit(queue, "-aq", "tests")

    def start_master(self) -> None:
        self.call("sge_qmaster")
        wait_until(lambda: self.host in self.call("qconf", "-sh", check=False), "sge_qmaster")

    def kill_master(self) -> None:
        """End the master as a crash does; jobs go on."""
        process_id = int((self.folder / "spool" / "qmaster" / "qmaster.pid").read_text())
        os.kill(process_id, signal.SIGKILL)
        wait_until(lambda: not runs(process_id), "sge_qmaster has ended")

    def _edit(self, values: dict[str, str], *arguments: str) -> None:
        """Let an editor without a user fill in a form of Grid Engine's, whose only other way is to give every value of it."""
        editor = self.folder / "editor"
        commands = " ".join(f"-e 's|^\\({name}  *\\).*|\\1{value}|'" for name, value in values.items())
        # It takes a form whose time stamp, in seconds, is the same for not edited.
        editor.write_text(f'#!/bin/sh\nsleep 1\nexec sed -i {commands} "$1"\n')
        editor.chmod(0o755)
        self.call("env", f"EDITOR={editor}", "qconf", *arguments)

    def clean(self) -> None:
        """Delete the jobs of a test, even of one that failed while a job stood still or the master was away."""
        if self.host not in self.call("qconf", "-sh", check=False):
            self.start_master()
        self.call("qdel", "-u", "*", check=False)  # fails where there is none
        wait_until(lambda: not self.call("qstat", "-u", "*").strip(), "all jobs have ended")

    def stop(self) -> None:
        """Delete all jobs and end the daemons."""
        self.call("qdel", "-f", "-u", "*", check=False)
        process_ids = [int(path.read_text()) for path in self.folder.glob("spool/**/*.pid")]
        self.call("qconf", "-kej", self.host, check=False)
        self.call("qconf", "-km", check=False)
        wait_until(lambda: not any(map(runs, process_ids)), "the daemons have ended")


@contextmanager
def grid_engine(folder: Path) -> Iterator[GridEngine]:
    """Run a Grid Engine of one host whose files are in this folder."""
    require("Grid Engine", "sge_qmaster", "sge_execd", "qsub", "qconf")
    cluster = GridEngine(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
