"""A real browser without a window: Chromium, spoken to over its DevTools protocol.

In: addresses of the UI. Out: the text that a person would see, pictures. Promise: when the block ends the browser is
gone and so is its profile; it reaches loopback alone.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1400,1800", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE = 120.0


class Browser:
    """One page of one browser."""

    def __enter__(self) -> Browser:
        assert CHROMIUM is not None
        self.profile = Path(tempfile.mkdtemp(prefix="chromium-"))
        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.socket = connect(self._page(), max_size=None, proxy=None)
        self.number = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _page(self) -> str:
        """Address of the first page, once the browser has written down its port."""
        end, place = time.monotonic() + PATIENCE, self.profile / "DevToolsActivePort"
        while not place.is_file() or len(place.read_text().splitlines()) < 2:
            assert self.process.poll() is None, "the browser ended"
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.1)
        pages = httpx.get(f"http://127.0.0.1:{place.read_text().splitlines()[0]}/json", timeout=PATIENCE).json()
        return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))

    def ask(self, method: str, **words: Any) -> dict[str, Any]:
        """One command of the protocol; its answer."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": words}))
        while (answer := json.loads(self.socket.recv(timeout=PATIENCE))).get("id") != self.number:
            continue  # an event
        assert "error" not in answer, answer
        return dict(answer["result"])

    def run(self, script: str) -> Any:
        """JavaScript in the page; its value."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)

    def wait_for(self, text: str) -> str:
        """All that the page shows, once it shows this."""
        end = time.monotonic() + PATIENCE
        while text not in (shown := str(self.run("document.body ? document.body.innerText : ''"))):
            assert time.monotonic() < end, f"{text!r} is not shown: {shown[:3000]}"
            time.sleep(0.2)
        return shown

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))
