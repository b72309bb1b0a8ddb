"""What the tests of Spaces share: the browser, and an app in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

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


class Space:
    """An app as the Hub would start it, on a free port of this machine, with `variables` in its environment."""

    def __init__(self, app, folder, variables):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.app = app
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "space.log"
        caches = {"GRADIO_TEMP_DIR": str(folder / "gradio"), "HF_DATASETS_CACHE": str(folder / "datasets")}
        self.environment = os.environ | caches | {"GRADIO_SERVER_PORT": port, "OMP_NUM_THREADS": "1"} | variables

    def __enter__(self):
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, self.app], env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)
        return self

    def _answers(self):
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
