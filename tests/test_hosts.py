"""Where a database in a file can be used: the kinds of file systems as Linux lists them, and no alarm on one machine."""

from pathlib import Path

import pytest

from convnets import hosts, tracking
from convnets.stores import Store

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
tmpfs /home/scratch tmpfs rw 0 0
server:/old /data nfs rw 0 0
/dev/sdb1 /data xfs rw 0 0
server:/blanks /my\\040files nfs rw 0 0
mds@tcp:/scratch /scratch lustre rw 0 0
user@host: /remote fuse.sshfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/results/mlflow.db", None),
        ("/home/me/results/mlflow.db", "nfs4"),
        ("/homes/me/mlflow.db", None),
        ("/home/scratch/mlflow.db", None),
        ("/data/mlflow.db", None),  # the later mount hides the former
        ("/my files/mlflow.db", "nfs"),
        ("/scratch/mlflow.db", "lustre"),
        ("/remote/mlflow.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str | None, mounts: Path) -> None:
    assert hosts.network_file_system(Path(path), mounts) == kind


def test_a_system_that_does_not_say_raises_no_alarm(tmp_path: Path) -> None:
    assert hosts.network_file_system(tmp_path, tmp_path / "missing") is None


@pytest.fixture
def on_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "network_file_system", lambda _: "nfs4")


@pytest.mark.usefixtures("on_a_network")
def test_one_machine_may_use_what_is_on_a_network(store: Store) -> None:
    tracking.connect(store, hosts.this_host())
    tracking.connect(store)


@pytest.mark.usefixtures("on_a_network")
def test_a_second_host_may_not(store: Store) -> None:
    with pytest.raises(
        tracking.StoreError, match=r"SQLite database on a network file system \(nfs4\) and in use on login1; .* tracking.uri"
    ):
        tracking.connect(store, "login1")


def test_a_second_host_may_use_what_is_not_on_a_network(store: Store) -> None:
    tracking.connect(store, "another-name-of-this-machine")
