"""A headless Chromium, driven by the WebDriver protocol with nothing but the standard library.

    with Browser() as browser:
        browser.open("file:///tmp/report.html")
        browser.run("return document.title")

Needs `chromium` and `chromedriver` (Debian's packages chromium and chromium-driver, which `make test` installs).
"""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1",
]
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015"}


class WebDriverError(Exception):
    """What the driver refused, in its own words."""


class Browser:
    """One browser with a user folder of its own, gone when the block ends."""

    def __init__(self, width=1280, height=1000, dark=False):
        self.size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.scheme = "dark" if dark else "light"

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.log = open(f"{self.folder.name}/driver.log", "wb")
        command = [program("chromedriver"), f"--port={port}"]
        self.driver = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        try:
            self.session = self.begin()
            self.devtools("Emulation.setDeviceMetricsOverride", self.size)
            self.devtools("Emulation.setScrollbarsHidden", {"hidden": True})
            scheme = {"name": "prefers-color-scheme", "value": self.scheme}
            self.devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
            # The browser's own first page, and what it asked for, are of no interest.
            self.open("about:blank")
            self.requests()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *failure):
        try:
            self.ask("DELETE", f"/session/{self.session}")
        finally:
            self.end()

    def begin(self):
        chromium = {
            "binary": program("chromium", "chromium-browser", "google-chrome"),
            "args": [*FLAGS, f"--user-data-dir={self.folder.name}/user"],
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": chromium,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        patience = time.monotonic() + 60
        while True:
            try:
                return self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            except (ConnectionError, urllib.error.URLError):
                if self.driver.poll() is not None or time.monotonic() > patience:
                    raise
                time.sleep(0.05)

    def end(self):
        self.driver.terminate()
        self.driver.wait()
        self.log.close()
        self.folder.cleanup()

    def ask(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refusal:
            raise WebDriverError(refusal.read().decode(errors="replace")[:2000]) from None

    def tell(self, command, body=None):
        return self.ask("POST", f"/session/{self.session}/{command}", body)

    def devtools(self, command, parameters):
        return self.tell("goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.tell("url", {"url": url})

    def run(self, script, *arguments):
        """Runs JavaScript in the page and returns what it returns."""
        return self.tell("execute/sync", {"script": script, "args": list(arguments)})

    def element(self, css):
        return self.tell("element", {"using": "css selector", "value": css})[ELEMENT]

    def text(self, css):
        """The text of an element as a reader sees it."""
        return self.ask("GET", f"/session/{self.session}/element/{self.element(css)}/text")

    def click(self, element):
        self.tell(f"element/{element}/click")

    def type(self, *keys):
        """Presses keys, one after the other, on what has the focus."""
        strokes = [stroke for key in keys for stroke in press(KEYS.get(key, key))]
        self.act({"type": "key", "id": "keyboard", "actions": strokes})

    def drag(self, css, start, end):
        """Drags from one point to another; points count from the element's upper left corner."""
        left, top = self.corner(css)
        moves = [{"type": "pointerMove", "duration": 0, "x": round(left + x), "y": round(top + y)} for x, y in (start, end)]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        self.act({"type": "pointer", "id": "mouse", "actions": [moves[0], down, moves[1], up]})

    def move(self, css, x, y):
        left, top = self.corner(css)
        move = {"type": "pointerMove", "duration": 0, "x": round(left + x), "y": round(top + y)}
        self.act({"type": "pointer", "id": "mouse", "actions": [move]})

    def wheel(self, css, x, y, delta):
        left, top = self.corner(css)
        scroll = {"type": "scroll", "x": round(left + x), "y": round(top + y), "deltaX": 0, "deltaY": delta, "duration": 0}
        self.act({"type": "wheel", "id": "wheel", "actions": [scroll]})

    def act(self, source):
        self.tell("actions", {"actions": [source]})

    def corner(self, css):
        script = "const r = document.querySelector(arguments[0]).getBoundingClientRect(); return [r.left, r.top]"
        return self.run(script, css)

    def complaints(self):
        """What the console said since this was asked last."""
        return [entry["message"] for entry in self.tell("se/log", {"type": "browser"})]

    def requests(self):
        """Every address asked for since this was asked last."""
        events = [json.loads(entry["message"])["message"] for entry in self.tell("se/log", {"type": "performance"})]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def picture(self, path):
        """The whole page, whatever its height."""
        answer = self.devtools("Page.captureScreenshot", {"captureBeyondViewport": True})
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))


def press(key):
    return [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]


def program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise SystemExit(f"no {names[0]} here; `make test` installs it (Debian's packages chromium and chromium-driver)")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
