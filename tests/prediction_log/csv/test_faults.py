"""Full disks, missing permissions and stuck processes make the log unavailable for a while."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv import log as csv_log
from tests.prediction_log.csv.small import SMALL, add


def test_a_real_full_disk_is_survived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=64k tmpfs {disk} 2>/dev/null"):
        pytest.skip("no right to mount a small disk")
    try:
        log = open_log(f"csv:{disk}", SMALL)
        ids: list[str] = []
        with pytest.raises(LogUnavailable, match="No space left"):
            while True:
                ids += add(log, 7)
        assert len(ids) > 100
        with pytest.raises(LogUnavailable, match="space"):
            log.check()
        os.system(f"mount -o remount,size=8m {disk}")
        log.check()
        ids += add(log, 7)
        assert pd.read_csv(disk / "predictions.csv")["id"].tolist() == ids
        log.close()
    finally:
        os.system(f"umount -l {disk}")


def test_a_file_in_place_of_the_directory_is_unavailable_until_it_goes(tmp_path: Path) -> None:
    place = tmp_path / "logs"
    place.write_text("")
    log = open_log(f"csv:{place}", SMALL)
    for use in (log.check, lambda: add(log)):
        with pytest.raises(LogUnavailable) as caught:
            use()
        assert "logs" in caught.value.message
        assert caught.value.hint
    place.unlink()
    log.check()
    assert not place.exists()  # a check creates nothing
    add(log)
    assert len(log.predictions()) == 1


DENIED = """
import os, sys
from pathlib import Path
import housing_cli.prediction_log.csv.log  # nobody may not read where it lies
from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.data.schema import FeatureSchema

folder = Path(sys.argv[1])
os.chmod(folder, 0o555)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 0)  # root may write everywhere; come back below
log = open_log(f"csv:{folder}", FeatureSchema(("a",), "b"))
for use in (log.check, lambda: log.append("v1", [[1.0]], [2.0])):
    try:
        use()
    except LogUnavailable as error:
        print(error.message)
os.seteuid(os.getresuid()[2])
os.chmod(folder, 0o777)
log.check()
print(len(log.append("v1", [[1.0]], [2.0])))
"""


def test_a_directory_without_write_permission_is_unavailable() -> None:
    # In a process of its own, which may become nobody; below /tmp, where nobody may look.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        logs = Path(folder, "logs")
        logs.mkdir()
        words = [sys.executable, "-c", DENIED, str(logs)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, written = done.stdout.splitlines()
    assert "written" in first or "ermission" in first
    assert "written" in second or "ermission" in second
    assert written == "1"


def test_the_lock_of_a_stuck_process_makes_the_log_unavailable(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_log, "PATIENCE_S", 0.05)
    add(log)
    with (tmp_path / "predictions.csv").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert len(log.predictions()) == 1  # readers take no lock
        with pytest.raises(LogUnavailable, match="lock"):
            add(log)
    assert len(add(log)) == 1


def test_a_probe_finds_the_lock_of_a_stuck_process(log: PredictionLog, tmp_path: Path) -> None:
    log.feedback(add(log)[0], 1.0)
    for name in ("predictions.csv", "feedback.csv"):
        with (tmp_path / name).open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            began = time.monotonic()
            with pytest.raises(LogUnavailable, match="another process holds its lock"):
                log.check()
            assert time.monotonic() - began < 1
        log.check()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.parametrize("there", [True, False])
def test_a_file_system_without_locks_is_unavailable_and_says_so(
    there: bool, number: int, log: PredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        add(log)

    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        for use in (log.check, lambda: add(log), log.check):
            with pytest.raises(LogUnavailable, match="does not lock files") as caught:
                use()
            assert "local disk" in caught.value.hint
    log.check()
    assert len(add(log)) == 1


def test_a_disk_without_inodes_is_seen_where_a_file_is_still_to_be_made(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=8m,nr_inodes=4 tmpfs {disk} 2>/dev/null"
    if os.geteuid() != 0 or os.system(mount):
        pytest.skip("no right to mount a small disk")
    try:
        log = open_log(f"csv:{disk}", SMALL)
        log.check()
        (ballast := disk / "ballast").touch()
        add(log)  # its last inode
        for use in (log.check, lambda: log.feedback(log.predictions().ids[0], 1.0)):
            with pytest.raises(LogUnavailable, match=r"inode|No space"):
                use()
        ballast.unlink()
        log.feedback(log.predictions().ids[0], 1.0)
        log.close()
    finally:
        os.system(f"umount -l {disk}")
