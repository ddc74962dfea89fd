"""A headless Chromium, spoken to over a pipe in the DevTools protocol; no package is needed."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from itertools import count

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
]
LIMIT = 60.0  # seconds that anything may take


@contextmanager
def opened(profile, width=1400, height=1800, dark=False, touch=False):
    """Start the browser with an empty profile in a folder and yield its one page."""
    (read_theirs, write_ours), (read_ours, write_theirs) = os.pipe(), os.pipe()
    # The protocol wants descriptors 3 and 4.
    shell = f'exec "$@" 3<&{read_theirs} 4>&{write_theirs}'
    command = [CHROMIUM, *QUIET, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *command, "about:blank"],
        pass_fds=(read_theirs, write_theirs),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_theirs)
    os.close(write_theirs)
    with os.fdopen(write_ours, "wb", 0) as there, os.fdopen(read_ours, "rb") as back:
        try:
            yield Page(there, back, width, height, dark, touch)
        finally:
            process.terminate()
            process.wait(LIMIT)


class Page:
    def __init__(self, there, back, width, height, dark, touch):
        self.there, self.back, self.numbers, self.session = there, back, count(1), None
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        (target,) = (t["targetId"] for t in targets if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.there.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        text = bytearray()
        while (byte := self.back.read(1)) not in (b"\0", b""):
            text += byte
        assert byte, "the browser has gone"
        return json.loads(text)

    def open(self, path):
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")

    def wait(self, condition):
        end = time.monotonic() + LIMIT
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never came: {condition}"
            time.sleep(0.02)

    def run(self, script):
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def hover(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key):
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {} if key == "Tab" else {"text": "\r" if key == "Enter" else key}
        named = {"key": key, "windowsVirtualKeyCode": code, **text}
        self.call("Input.dispatchKeyEvent", type="keyDown", **named)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def screenshot(self, path, whole=True):
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def said(self):
        """What the console has, and exceptions that nobody caught."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event["method"] in kinds]

    def requested(self):
        """Addresses of what was asked for, without what a page has in itself."""
        asked = (e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent")
        addresses = [params["request"]["url"] for params in asked]
        return [address for address in addresses if not address.startswith("data:")]
