"""Ctrl-C at the worst moments: while workers are started, in this process and in the whole terminal."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pulsewise.core.interrupt import held

pytestmark = pytest.mark.interrupts

POOL = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from pulsewise.core.interrupt import held

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("{method}"))
    try:
        for i in range(6):
            with held():
                pool.submit(time.sleep, 0.01)
            print(i, flush=True)
        time.sleep(30)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
"""


def test_the_block_is_finished_first() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), held():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        steps.append("finished")
    assert steps == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_other_threads_pass_through() -> None:
    seen: list[bool] = []

    def work() -> None:
        with held():
            seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_a_terminal_sees_no_traceback(tmp_path, method: str, delay: float) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL.format(method=method))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert out.endswith("stopped\n")
    assert error == ""
