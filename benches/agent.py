"""A running agent in a folder of its own, and what is measured on it: many small files, latency, idleness."""
import json
import os
import shutil
import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path

from contest import Failed, last_words

CONFIG = """
[inbox]
path = "{0}/inbox"
[output]
path = "{0}/outbox"
durable = {1}
[ledger]
url = "sqlite:{0}/state/ledger.sqlite"
[status]
listen = ""
[log]
level = "warn"
"""
PATIENCE = 3600


class Agent:
    """`with Agent(h5inbox, folder) as agent:` runs one; the folder's inbox, outbox and ledger stay for the next."""

    def __init__(self, h5inbox, folder, durable=True):
        self.h5inbox, self.folder, self.config = h5inbox, Path(folder), Path(folder, "config.toml")
        self.inbox, self.outbox, self.aside = self.folder / "inbox", self.folder / "outbox", self.folder / "aside"
        for needed in (self.inbox, self.outbox, self.aside, self.folder / "state"):
            needed.mkdir(parents=True, exist_ok=True)
        self.config.write_text(CONFIG.format(self.folder, str(durable).lower()))

    def __enter__(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([self.h5inbox, "run", "--config", self.config], stderr=log)
        self.wait_until(lambda: self.status()["running"])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, verb, *more):
        command = [self.h5inbox, verb, "--config", self.config, "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self):
        return (self.ask("status") or [{"running": False}])[0]

    def wait_until(self, done, pause=0.1):
        deadline = time.monotonic() + PATIENCE
        while not done():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the agent did not get there: {last_words((self.folder / 'log').read_text())}")
            time.sleep(pause)

    def wait_for_done(self, count):
        # Seldom: asking costs the agent work.
        self.wait_until(lambda: self.status()["files"]["done"] >= count, pause=0.5)

    def drop(self, names):
        """Renames files that lie ready aside into the inbox."""
        for name in names:
            os.rename(self.aside / name, self.inbox / name)

    def prepare(self, texts):
        """Writes {name: text} aside."""
        for name, text in texts.items():
            (self.aside / name).write_text(text)
        return list(texts)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


def drop_all(agent, files):
    """Seconds from the first rename until the ledger has the last of `files` as done, durably."""
    for file in files:
        shutil.copy(file, agent.aside / file.name)
    os.sync()
    begun = time.time()
    agent.drop([file.name for file in files])
    agent.wait_for_done(len(files))
    ended = max(datetime.fromisoformat(job["finished_at"]) for job in agent.ask("history"))
    return {"files": len(files), "seconds": ended.timestamp() - begun}


def latencies(agent, text, count):
    """Milliseconds from a file's rename into the inbox until its output is there, one file at a time."""
    found = []
    for name in agent.prepare({f"latency-{number}.json": text for number in range(count)}):
        time.sleep(0.05)                                      # idle again
        output = (agent.outbox / name).with_suffix(".h5")
        begun = time.perf_counter()
        agent.drop([name])
        while not output.exists():
            time.sleep(0.0002)
        found.append(1000 * (time.perf_counter() - begun))
    ranked = statistics.quantiles(found, n=100, method="inclusive")
    return {"files": count, "p50_ms": ranked[49], "p99_ms": ranked[98]}


def fill(agent, text, count):
    """Kept files in the inbox, so many in all, each converted."""
    there = sum(1 for _ in os.scandir(agent.inbox))
    agent.drop(agent.prepare({f"kept-{number}.json": text for number in range(there, count)}))
    agent.wait_for_done(count)


def idleness(agent, seconds):
    """Share of one core that an agent with nothing to do takes, and its memory."""
    time.sleep(min(2, seconds))
    begun, used = time.perf_counter(), agent.cpu_seconds()
    time.sleep(seconds)
    share = (agent.cpu_seconds() - used) / (time.perf_counter() - begun)
    kept = sum(1 for _ in os.scandir(agent.inbox))
    return {"files": kept, "seconds": seconds, "share": share, "resident_bytes": agent.resident_bytes()}
