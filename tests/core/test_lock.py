"""A folder is held by one process at a time, whatever happens to it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pulsewise.core.disk import lock
from pulsewise.core.errors import PulsewiseError

HOLD = """
import sys
from pathlib import Path
from pulsewise.core.disk import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

RACE = """
import sys, time
from pathlib import Path
from pulsewise.core.disk import lock
from pulsewise.core.errors import PulsewiseError
folder, inside = Path(sys.argv[1]), Path(sys.argv[2])
held = 0
for _ in range(300):
    try:
        with lock(folder):
            inside.touch(exist_ok=False)  # fails where another is inside
            held += 1
            inside.unlink()
    except PulsewiseError as error:
        assert error.code == "output_locked"
print(held)
"""


def test_the_second_is_told_who_holds_it_and_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout and process.stdout.readline() == "held\n"
        with (
            pytest.raises(PulsewiseError, match=f"process {process.pid} on {socket.gethostname()}") as caught,
            lock(tmp_path),
        ):
            pass
        assert (caught.value.code, caught.value.exit_status) == ("output_locked", 6)
        process.kill()
        process.wait()
        assert (tmp_path / ".lock").exists()
        with lock(tmp_path):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".lock").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"pid": 1, "host": socket.gethostname()})])
def test_a_lock_nobody_holds_is_taken_over_even_if_its_number_lives(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lock").write_text(content)
    with lock(tmp_path):
        pass


def test_a_lock_of_another_host_is_respected(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text(json.dumps({"pid": 7, "host": "another"}))
    with pytest.raises(PulsewiseError, match="process 7 on another"), lock(tmp_path):
        pass


def test_two_processes_are_never_inside_together(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    call = [sys.executable, "-c", RACE, str(tmp_path / "f"), str(tmp_path / "inside")]
    both = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    held = [int(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(held) > 0  # how often each was refused depends on the machine
