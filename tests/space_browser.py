"""What the tests of Spaces share: the browser, and an app in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest

SPACES = sorted(card.parent.name for card in Path(str(files("scorehub.spaces"))).glob("*/README.md"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120  # seconds for anything, as the machine may be busy
TRIES = 20


class Space:
    """An app as the Hub would start it, on a free port of this machine, with `variables` in its environment."""

    def __init__(self, app, folder, variables):
        self.app = app
        self.log = folder / "space.log"
        caches = {"GRADIO_TEMP_DIR": str(folder / "gradio"), "HF_DATASETS_CACHE": str(folder / "datasets")}
        self.environment = os.environ | caches | {"OMP_NUM_THREADS": "1"} | variables

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        self._start()
        while not self._answers():
            has_ended = self.process.poll() is not None
            if has_ended and "Cannot find empty port" in self.log.read_text():  # another took it since
                self._start()
            elif has_ended or time.monotonic() > deadline:
                self.__exit__()
                pytest.fail(self.log.read_text())
            time.sleep(0.2)
        return self

    def _start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        environment = self.environment | {"GRADIO_SERVER_PORT": port}
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, self.app], env=environment, stdout=log, stderr=log)

    def _answers(self):
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


@contextmanager
def visit(space):
    """A page that shows a Space, in a headless browser; in the end nothing may have come from elsewhere."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1360, "height": 950})
        page.set_default_timeout(1000 * PATIENCE)
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(space.url)
        yield page
        browser.close()
    assert [url for url in requests if not url.startswith((space.url, "data:", "blob:"))] == []


def functions(app, name):
    """Those of a name that the events of an app have."""
    found = [event.fn for event in app.fns.values() if event.name == name]
    assert found, f"{name} must be the function of an event"
    return found


def until(page, act, condition):
    """Does something until a condition in JavaScript holds: an answer that was on its way may take it back once."""
    from playwright.sync_api import TimeoutError as StillWaiting

    for _ in range(TRIES):
        act()
        try:
            return page.wait_for_function(condition, timeout=1000 * PATIENCE / TRIES)
        except StillWaiting:
            continue
    pytest.fail(f"must become true: {condition}")


def set_number(page, label, value):
    """Types into the number beside a slider; one that has only just been drawn may take its first value once more."""
    box = page.locator("input[type=number]:visible").and_(page.get_by_label(label))
    for _ in range(TRIES):
        box.fill(str(value))
        box.press("Tab")
        page.wait_for_timeout(200)
        if float(box.input_value()) == value:
            return
    pytest.fail(f"{label} must take {value}, got {box.input_value()}")
