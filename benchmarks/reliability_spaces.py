"""Spaces with fifty visitors at once, and with uploads that nobody should send.

Each is started as the Hub would start it, on 127.0.0.1, and asked over Gradio's HTTP interface.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reliability_seeds as seeds
from reliability_archives import ESCAPED

APPS = Path(__file__).parents[1] / "spaces"
VISITORS = 50
PATIENCE = 300  # seconds for an answer, or a start
SCRIPT = "<script>alert(1)</script>"
_FILES = ("File", "Uploadbutton", "Image", "Audio")
_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Visit:
    """What a Space is asked: something cheap, and to open a file of a kind, of `megabytes` at most."""

    cheap: str
    upload: str = ""
    suffix: str = ""
    megabytes: int = 0


VISITS = {
    "musicscore": Visit("lambda", "judge", ".pdf", 50),
    "piano_roll_sde": Visit("open_tune", "open_upload", ".mid", 2),
    "score_following": Visit("wait", "open_upload", ".png", 50),
    "music_transcription": Visit("adapt", "open_picture", ".png", 20),
    "text_to_score": Visit("open_prompt"),
    "chorales": Visit("open_tune", "open_upload", ".mid", 2),
    "music_models": Visit("search"),
    "demo": Visit("open_prompt"),
}


@dataclass
class Answers:
    """What came of the visits to a Space: answered, refused or lost."""

    space: str
    visits: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    mb: float = 0.0
    failures: list[str] = field(default_factory=list)


def visit(space: str, folder: Path) -> Answers:
    """Starts a Space, sends visitors and hostile files, and looks whether it is well afterwards."""
    answers, wanted = Answers(space), VISITS[space]
    with _running(space, folder) as (url, process):
        server = _Server(url)
        with ThreadPoolExecutor(VISITORS) as pool:
            barrier = threading.Barrier(VISITORS)
            for outcome, seconds in pool.map(lambda _: server.visit(wanted.cheap, barrier), range(VISITORS)):
                answers.visits[outcome] += 1
                answers.slowest = max(answers.slowest, seconds)
        for name, given in _hostile(server, wanted) if wanted.upload else ():
            outcome, reply = given if isinstance(given, tuple) else server.ask(wanted.upload, given, SCRIPT in name)
            answers.uploads[outcome] += 1
            if outcome == "lost" or reply:
                answers.failures.append(f"{name}: {reply or outcome}")
        if server.ask(wanted.cheap)[0] != "answered" or process.poll() is not None:
            answers.failures.append("no answer after hostile uploads")
        status = Path(f"/proc/{process.pid}/status").read_text() if process.poll() is None else "VmHWM: 0"
        answers.mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    escaped = [
        path for path in (*folder.rglob(f"{ESCAPED}*"), *Path("/").glob(f"{ESCAPED}*")) if _is_outside(path, folder)
    ]
    answers.failures += [f"{answers.visits['lost']} visitors lost"] * bool(answers.visits["lost"])
    answers.failures += [f"written: {path}" for path in escaped]
    return answers


def _is_outside(path: Path, folder: Path) -> bool:
    return not path.is_relative_to(folder / "gradio")


@contextmanager
def _running(space: str, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Space in a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"GRADIO_TEMP_DIR": str(folder / "gradio"), "HF_DATASETS_CACHE": str(folder / "datasets")}
    own |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    with (folder / f"{space}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(APPS / space / "app.py")], env=os.environ | own, stdout=log, stderr=log
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Space must start within {PATIENCE} s, got exit code {process.poll()}") from None
            time.sleep(0.2)
        else:
            return


class _Server:
    """A Space's endpoints; the arguments that are not given are those that it begins with."""

    def __init__(self, url: str):
        self.url = f"{url}/gradio_api"
        self.endpoints = json.loads(self._send("info"))["named_endpoints"]

    def visit(self, endpoint: str, barrier: threading.Barrier) -> tuple[str, float]:
        """Asks when all others do; what came of it, and after how many seconds."""
        barrier.wait()
        start = time.perf_counter()
        return self.ask(endpoint)[0], time.perf_counter() - start

    def ask(self, endpoint: str, file: dict[str, str] | None = None, marked: bool = False) -> tuple[str, str]:
        """Answered, refused or lost; and what must not be in an answer, if it is."""
        data = [self._value(parameter, file) for parameter in self.endpoints[f"/{endpoint}"]["parameters"]]
        try:
            event = json.loads(self._send(f"call/{endpoint}", json.dumps({"data": data}).encode()))["event_id"]
            reply = self._send(f"call/{endpoint}/{event}").decode()
        except urllib.error.HTTPError as error:
            return ("refused" if error.code < 500 else "lost"), ""
        except _ERRORS:
            return "lost", ""
        outcome = "answered" if "event: complete" in reply else "refused" if "event: error" in reply else "lost"
        found = "a script" if marked and _has_script(reply) else "a file of the system" if "root:x:0" in reply else ""
        return outcome, found

    def upload(self, name: str, content: bytes) -> dict[str, str] | tuple[str, str]:
        """Where the server keeps a file, for `ask`; or what came of it."""
        head = f'--border\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        try:
            (path,) = json.loads(
                self._send("upload", head + content + b"\r\n--border--\r\n", "multipart/form-data; boundary=border")
            )
        except urllib.error.HTTPError as error:
            return ("refused" if error.code < 500 else "lost"), ""
        except (*_ERRORS, ValueError):  # a server that has had enough hangs up
            return "refused", ""
        return {"path": path, "orig_name": name}

    def _value(self, parameter: dict[str, Any], file: dict[str, str] | None) -> Any:
        if parameter["component"] not in _FILES or file is None:
            default = parameter.get("parameter_default")
            return "" if default is None and parameter["component"] == "Textbox" else default
        given = {**file, "meta": {"_type": "gradio.FileData"}}
        return [given] if "list" in parameter["python_type"]["type"].lower() else given

    def _send(self, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        request = urllib.request.Request(f"{self.url}/{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return bytes(answer.read())


def _has_script(reply: str) -> bool:
    """Whether HTML that is sent holds the script of a file's name, unescaped."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)

    lines = [line.removeprefix("data: ") for line in reply.splitlines() if line.startswith("data: ")]
    return any(
        SCRIPT in text and "<" in text.partition(SCRIPT)[0] for line in lines for text in texts(json.loads(line))
    )


def _hostile(server: _Server, wanted: Visit) -> Iterator[tuple[str, dict[str, str] | tuple[str, str]]]:
    """Uploads by name, and files that were never uploaded."""
    noise = seeds.noise(10_000)
    names: Sequence[str] = (
        *(f"../../{ESCAPED}", f"/{ESCAPED}", f"..%2f..%2f{ESCAPED}", SCRIPT, "a" * 300, "-rf", "$(touch escaped)"),
        *("\u202efdp", " ", "CON", "a\0b", "\U0001f3bc", "." * 50),
    )
    for name in names:
        yield f"name {name[:40]!r}", server.upload(name + wanted.suffix, noise)
    contents = {"nothing": b"", "noise": noise, "zeros": bytes(2**20), "a page": b"<html><script>alert(1)</script>"}
    for content, data in contents.items():
        yield content, server.upload(f"file{wanted.suffix}", data)
        yield f"{content} as a program", server.upload("file.exe", data)
        yield f"{content} as a page", server.upload("file.html", data)
    yield "too large", server.upload(f"large{wanted.suffix}", bytes((wanted.megabytes + 1) * 2**20))
    for path in ("/etc/passwd", "../../../../../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/file"):
        yield f"never uploaded: {path}", {"path": path}
    yield "never uploaded: by address", {"path": "", "url": "file:///etc/passwd"}
