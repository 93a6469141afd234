"""What a database in a file needs of the hosts that use it: that they be one, or its file system be local to them all."""

import os
import platform
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/mounts")
# As the kernel names them. On these, the locks of several hosts are not relied on by SQLite, whatever the server is set to.
NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "afs",
    "9p",
    "pvfs2",
    "panfs",
    "wekafs",
}
NETWORK_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.juicefs", "fuse.mfs")


def this_host() -> str:
    """Return the name of this host."""
    return platform.node()


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the kind of network file system that a file is on, or None if it is a local one, or the system does not say."""
    path, best, kind = path.resolve(), Path(), ""
    with suppress(OSError):
        for line in mounts.read_text(encoding="utf-8").splitlines():
            _, point, found, *_ = line.split()
            folder = Path(_unescaped(point))
            # The later of two mounts at the same place hides the former.
            if path.is_relative_to(folder) and len(folder.parts) >= len(best.parts):
                best, kind = folder, found
    return kind if kind in NETWORK_FILE_SYSTEMS or kind.startswith(NETWORK_FUSE) else None


def _unescaped(name: str) -> str:
    """Return a name with the blanks that the list of mounts writes as octal numbers."""
    return os.fsdecode(name.encode().decode("unicode_escape").encode("latin-1"))


def why_not_from_here(database: Path, other_host: str) -> str | None:
    """Say why this host should not write to a database in a file that another host uses too; None if it may.

    Parameters
    ----------
    database
        The file.
    other_host
        The host that uses it too; no other, if it is this one.
    """
    if other_host == this_host():
        return None
    kind = network_file_system(database)
    if kind is None:
        return None
    return (
        f"{database} is an SQLite database on a network file system ({kind}) and in use on {other_host}; written to from "
        f"{this_host()} too, it could be damaged. Runs are brought there from that host when the workflow ends; to track them "
        "while they train, start an MLflow server and name it in tracking.uri (docs/clusters.md)"
    )
