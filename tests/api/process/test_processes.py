"""What the kernel says of other processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from housing_cli.api.process.processes import alive, start_time

SLEEP = [sys.executable, "-c", "input()"]


def test_a_process_lives_until_it_is_killed_though_nobody_waited_for_it() -> None:
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE) as child:
        assert alive(child.pid)
        child.kill()
        deadline = time.monotonic() + 10
        while alive(child.pid):  # its id is there until it is waited for
            assert time.monotonic() < deadline
        child.wait()
        assert not alive(child.pid)
        assert start_time(child.pid) == "0"


def test_a_process_is_told_from_another_by_when_it_began() -> None:
    own = start_time(os.getpid())
    assert own.isdigit() and own == start_time(os.getpid())
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE) as child:
        assert int(start_time(child.pid)) > int(own)
        child.kill()


def test_the_first_process_of_all_lives() -> None:
    assert alive(1)
