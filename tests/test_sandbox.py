"""A hostile call costs one answer, never the caller."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from scorehub.sandbox import Sandbox, SandboxError

MODULE = """
import gc, io, os, time

def add(a, b):
    return a + b, [bytes([a]), b""]

def chatter():
    os.write(1, b"noise on the answer channel?" * 10)
    return "quiet", []

def fail():
    raise KeyError("no such page")

def abort():
    os.abort()

def leave():
    os._exit(3)

def loop():
    while True:
        pass

def sleep():
    time.sleep(60)

def nap(answer):
    time.sleep(0.5)
    return answer, []

def hijacked(line):
    (answers,) = (f for f in gc.get_objects() if isinstance(f, io.BufferedWriter) and f.fileno() > 2)
    answers.write(line.encode())
    answers.flush()
    time.sleep(60)

def swell():
    return len(bytearray(4 << 30)), []
"""


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    (tmp_path / "untrusted.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Sandbox("untrusted", memory_mb=1024) as sandbox:
        yield sandbox


def test_an_answer_carries_a_value_and_bytes(sandbox):
    assert sandbox.call("add", seconds=5, a=2, b=3) == (5, [b"\x02", b""])


def test_what_a_library_prints_does_not_mix_with_the_answers(sandbox):
    assert sandbox.call("chatter", seconds=5) == ("quiet", [])
    assert sandbox.call("add", seconds=5, a=1, b=1)[0] == 2


def test_an_exception_becomes_a_reason_and_leaves_the_child_alive(sandbox):
    sandbox.call("add", seconds=5, a=1, b=1)
    child = sandbox._child.pid
    with pytest.raises(SandboxError, match="no such page") as failure:
        sandbox.call("fail", seconds=5)
    assert not failure.value.fatal
    assert sandbox._child.pid == child


@pytest.mark.parametrize(
    ("function", "seconds", "reason"),
    [("abort", 60, "crashed with SIGABRT"), ("leave", 60, "exit code 3"), ("loop", 0.5, "timed out after 0.5 s")],
)
def test_a_dead_child_costs_one_call(sandbox, function, seconds, reason):
    sandbox.call("add", seconds=5, a=1, b=1)
    with pytest.raises(SandboxError, match=reason) as failure:
        sandbox.call(function, seconds)
    assert failure.value.fatal
    assert sandbox.call("add", seconds=5, a=1, b=1)[0] == 2


def test_memory_beyond_the_limit_is_refused(sandbox):
    with pytest.raises(SandboxError, match="out of memory"):
        sandbox.call("swell", seconds=5)


def test_an_interrupted_call_leaves_no_answer_for_the_next(sandbox):
    def interrupt(*_):
        raise KeyboardInterrupt

    sandbox.call("add", seconds=5, a=1, b=1)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            sandbox.call("nap", seconds=5, answer="late")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sandbox.call("add", seconds=5, a=2, b=3)[0] == 5


def test_threads_that_share_a_sandbox_get_their_own_answers(sandbox):
    def ask(number):
        return sandbox.call("add", seconds=5, a=number, b=number)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(100)))
    assert answers == [(2 * number, [bytes([number]), b""]) for number in range(100)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"value": 1, "sizes": [100000000000000]}', "at most 1073741824 bytes, got 100000000000000"),
        ('{"value": 1, "sizes": [-1]}', "must have sizes"),
        ('{"value": 1}', "must have sizes, got None"),
        ('{"error": [], "sizes": []}', "a value or an error"),
        ("[]", "a value or an error"),
        ("rubbish", "no answer that can be read"),
        ("[" * 200_000, "no answer that can be read"),
    ],
)
def test_an_answer_that_is_none_costs_one_call(sandbox, line, reason):
    with pytest.raises(SandboxError, match=reason) as failure:
        sandbox.call("hijacked", seconds=5, line=line + "\n")
    assert failure.value.fatal
    assert sandbox.call("add", seconds=5, a=1, b=1)[0] == 2


def test_a_line_without_end_is_not_read_to_its_end(sandbox, monkeypatch):
    monkeypatch.setattr("scorehub.sandbox.MAX_VALUE_BYTES", 1000)
    with pytest.raises(SandboxError, match="less than 1000 bytes"):
        sandbox.call("hijacked", seconds=5, line="x" * 2000)


def test_the_child_outlives_its_parent_by_no_more_than_its_call(sandbox):
    code = (
        "import sys, threading; from scorehub.sandbox import Sandbox; s = Sandbox('untrusted'); "
        "s.call('add', seconds=5, a=1, b=1); print(s._child.pid, flush=True); s.call('sleep', seconds=1)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _alive(child)


def _alive(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"  # nobody may be there to reap it
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_forked_process_has_a_child_of_its_own(sandbox):
    assert sandbox.call("add", 5, a=1, b=2)[0] == 3
    answers = []
    for number in range(2):
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:  # what fails here must not go on as a second run of all tests
                os.write(writer, bytes(sandbox.call("add", 5, a=number, b=step)[0] for step in range(50)))
            finally:
                os._exit(0)
        answers.append(reader)
        os.close(writer)
    assert sandbox.call("add", 5, a=3, b=4)[0] == 7
    sums = [os.read(reader, 50) for reader in answers]
    assert sums == [bytes(range(50)), bytes(range(1, 51))]
