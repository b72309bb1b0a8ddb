"""A child process with time and memory limits for functions that read untrusted files.

The child serves one module's functions: requests are JSON lines on its standard input; answers are a JSON line and raw
bytes, never pickles, so that a file that takes over the child cannot take over the parent. Limits are the kernel's: an
alarm that ends the child (even inside C code), and a cap on its address space. Any death costs one call; the next call
starts a fresh child. Threads share a sandbox, and wait for each other; a fork of the process has a child of its own.

    with Sandbox("scorehub.pdf_pages", memory_mb=2048) as sandbox:
        survey, _ = sandbox.call("survey_pdf", seconds=20, path="score.pdf", max_pages=2000)
"""

import atexit
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO
from weakref import WeakSet

MAX_VALUE_BYTES = 64 * 2**20  # of an answer's JSON, which takes many times that when it is read

Answer = tuple[Any, list[bytes]]


class SandboxError(Exception):
    """The call failed: the message is a reason fit for a manifest. `fatal` tells that it took the child with it."""

    def __init__(self, reason: str, fatal: bool = False):
        super().__init__(reason)
        self.fatal = fatal


class Sandbox:
    """Runs functions of `module` in a child process.

    Args:
        module: dotted name; the functions called take JSON arguments and return `(JSON value, list of bytes)`.
        memory_mb: address space of the child.
    """

    def __init__(self, module: str, memory_mb: int = 2048):
        self.module = module
        self.memory_mb = memory_mb
        self._forget_child()
        _sandboxes.add(self)

    def _forget_child(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def call(self, function: str, seconds: float, **arguments: Any) -> Answer:
        """The answer of `function(**arguments)`, or a `SandboxError` that says why there is none."""
        request = json.dumps({"function": function, "seconds": seconds, "arguments": arguments}).encode() + b"\n"
        with self._lock:
            child = self._child or self._start()
            try:
                answer, blobs = self._ask(child, request, seconds)
            except BaseException:  # Ctrl-C too: what is left in the pipe would answer the next call
                self.close()
                raise
        if "error" in answer:
            raise SandboxError(answer["error"])
        return answer["value"], blobs

    def _ask(
        self, child: subprocess.Popen[bytes], request: bytes, seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        try:
            child.stdin.write(request)  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            return _read_answer(child.stdout, self.memory_mb * 2**20)  # type: ignore[arg-type]
        except (BrokenPipeError, EOFError):
            raise SandboxError(_cause_of_death(child.wait(), seconds), fatal=True) from None
        except (ValueError, RecursionError) as error:  # of a child that a file has taken over
            raise SandboxError(f"reader gave no answer that can be read: {error}", fatal=True) from None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "scorehub.sandbox", self.module, str(self.memory_mb)]
        # Each thread of a linear algebra library takes address space: with many processors nothing would be left.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self._child

    def close(self) -> None:
        """Ends the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                # A request that the dead child never took is still buffered: closing would flush it into the void.
                if pipe is not None:
                    _close_quietly(pipe)
            self._child = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_sandboxes: WeakSet[Sandbox] = WeakSet()


def _forget_children() -> None:
    """After a fork the pipes are shared with the parent, which would read our answers, and a lock may stay shut."""
    for sandbox in _sandboxes:
        sandbox._forget_child()


os.register_at_fork(after_in_child=_forget_children)


@lru_cache
def shared_sandbox(module: str, memory_mb: int = 2048) -> Sandbox:
    """The one of this process for a module: to start a child costs as much as to read ten pages."""
    sandbox = Sandbox(module, memory_mb)
    atexit.register(sandbox.close)
    return sandbox


def _cause_of_death(code: int, seconds: float) -> str:
    if code == -signal.SIGALRM:
        return f"timed out after {seconds:g} s"
    if code == -signal.SIGKILL:
        return "killed, probably out of memory"
    return f"crashed with {signal.Signals(-code).name}" if code < 0 else f"reader ended with exit code {code}"


def _close_quietly(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_answer(stream: BinaryIO, max_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
    """The next answer and its at most `max_bytes` bytes; what is none, a ValueError."""
    line = stream.readline(MAX_VALUE_BYTES)
    if not line.endswith(b"\n"):
        if len(line) == MAX_VALUE_BYTES:
            raise ValueError(f"answer must have less than {MAX_VALUE_BYTES} bytes, got more")
        raise EOFError
    answer = json.loads(line)
    if not isinstance(answer, dict) or not ("value" in answer or isinstance(answer.get("error"), str)):
        raise ValueError(f"answer must have a value or an error, got {line[:60]!r}")
    sizes = answer.get("sizes")
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ValueError(f"answer must have sizes, got {str(sizes)[:60]}")
    if sum(sizes) > max_bytes:
        raise ValueError(f"answer must have at most {max_bytes} bytes, got {sum(sizes)}")
    return answer, [_read_exactly(stream, size) for size in sizes]


def _write_answer(stream: BinaryIO, answer: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    stream.write(json.dumps(answer | {"sizes": [len(blob) for blob in blobs]}).encode() + b"\n")
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def _answer(module: Any, request: dict[str, Any], stream: BinaryIO) -> None:
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    try:
        value, blobs = getattr(module, request["function"])(**request["arguments"])
    except MemoryError:
        _write_answer(stream, {"error": "out of memory"})
    except Exception as error:  # the one place where any error of a hostile file must become a reason
        _write_answer(stream, {"error": str(error) or type(error).__name__})
    else:
        _write_answer(stream, {"value": value}, blobs)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def serve(module_name: str, memory_mb: int) -> None:
    """The child's loop: ends when the parent closes the pipe, or with the parent."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C libraries print must not mix with the answers
    module = importlib.import_module(module_name)
    limit = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        _answer(module, json.loads(line), answers)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
