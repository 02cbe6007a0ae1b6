"""Opens the agent's page in a real browser, drops files into the inbox, and compares what is shown with what is true.

    python status_page.py URL INBOX [--paused [--then-kill PID] | --agents NAME,… [--silent NAME]] [--pictures DIR]

Without --paused the agent must be idle, and its sources archived: files run through it, bad ones and oddly named ones among
them, and the page must come to show what /status and /activity say, ask for nothing but the agent, let markup be text, and
work by keyboard, dark, and on a phone. With --paused it must say that and why, and, once the agent is killed, that nobody
answers. With --agents the agent shares its ledger with others: the page must name them all, and tell which is not heard of any
more. Prints what is wrong; exit code 1 if anything is. --pictures keeps what it looked like: light.png, dark.png and
phone.png.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from browser import Browser

MARKUP = "<img src=x onerror=document.title='pwned'><b>x & 'y'.json"
FILES = 60


class Check:
    def __init__(self, browser, url):
        self.browser, self.url, self.wrong = browser, url, []

    def that(self, what, holds, found=""):
        if not holds:
            self.wrong.append(f"{what}: {found!r}")

    def until(self, what, test):
        """Waits until `test` gives something true, which is answered."""
        patience = time.monotonic() + 120
        while time.monotonic() < patience:
            if found := test():
                return found
            time.sleep(0.2)
        self.wrong.append(f"waited in vain until {what}")
        return None

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def texts(self, css):
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)

    # --- while it works

    def everything_settles_to_what_the_ledger_says(self):
        self.until("all is done", lambda: self.get("status")["files"]["done"] == FILES)
        shown = lambda: self.browser.text("#converted") == f"{FILES} files" and self.browser.text("#quarantined") == "2"
        self.until("the page has heard of it", shown)
        status, activity = self.get("status"), self.get("activity")
        self.that("headline", self.browser.text("#headline") == "All done", self.browser.text("#headline"))
        self.that("state", self.browser.run("return document.getElementById('state').dataset.state") == "good")
        self.that("waiting", self.browser.text("#waiting") == "0", self.browser.text("#waiting"))
        self.that("rows", self.browser.text("#converted-more").startswith(f"{status['rows']:,} rows; last "), self.browser.text("#converted-more"))
        self.that("the inbox", status["inbox"] in self.browser.text("#state"))
        names = self.texts("#done td:first-child")
        self.that("the last files", names == [job["path"] for job in activity["done"]], names)
        rows = self.texts("#done td:nth-child(2)")
        self.that("their rows", rows == [f"{job['rows']:,}" for job in activity["done"]], rows)
        bars = self.browser.run("return [...document.querySelectorAll('#chart .bar')].filter(b => +b.getAttribute('height') > 0).length")
        busy = sum(1 for files in activity["hour"]["files"] if files)
        self.that("a bar for each minute with files", bars == busy, (bars, busy))
        self.that("workers", len(self.texts("#workers li")) == status["workers"])

    def errors_show_place_excerpt_and_command(self):
        items = {item["path"]: item for item in self.get("activity")["quarantined"]}
        shown = self.browser.run("""return [...document.querySelectorAll('#needs-list li')].map(li => ({
            file: li.querySelector('.file').textContent, place: li.querySelector('.place').textContent,
            what: li.querySelector('.what').textContent, command: li.querySelector('.command code').textContent}))""")
        self.that("both bad files are shown", {entry["file"] for entry in shown} == set(items), shown)
        for entry in shown:
            item = items[entry["file"]]
            self.that("line", f"line {item['line']}" in entry["place"], entry)
            self.that("byte", f"byte {item['byte']}" in entry["place"], entry)
            self.that("what", entry["what"] == item["error"].replace("`", ""), entry)
        bad = next(entry for entry in shown if entry["file"] == "bad.json")
        self.that("the excerpt", '{"price": 2,, }' in bad["what"], bad)
        # The command is what a shell makes of it: the very file.
        odd = next(entry for entry in shown if entry["file"] != "bad.json")
        program, _, arguments = odd["command"].partition(" retry ")
        self.that("the command is the agent's user's", program.startswith("sudo ") and program.endswith("h5inbox"), program)
        said = subprocess.run(["bash", "-c", "printf '%s\\n' " + arguments], capture_output=True, text=True)
        self.that("the command names the file", said.stdout.endswith("/" + MARKUP + "\n") and "--config\n" in said.stdout, said)

    def names_stay_text(self):
        self.that("no image", self.browser.run("return document.querySelectorAll('main img, main b').length") == 0)
        self.that("no script of theirs", "pwned" not in self.browser.run("return document.title"))

    def the_keyboard_reaches_everything(self):
        self.browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
        reached = []
        for _ in range(30):
            self.browser.type("\ue004")                       # Tab
            reached.append(self.browser.run("const e = document.activeElement; return e.id || e.textContent.trim().slice(0, 20) || e.value || e.tagName"))
        for wanted in ("Skip to what needs a", "files", "chart", "copy", "metrics"):
            self.that(f"Tab reaches {wanted}", wanted in reached, reached)
        self.browser.run("document.getElementById('chart').focus()")
        self.browser.type("Left")
        self.that("arrows tell of a minute", self.browser.text("#minute").startswith("this minute: "), self.browser.text("#minute"))
        self.browser.type("Left")
        self.that("and of the one before", self.browser.text("#minute").startswith("1 min ago: "), self.browser.text("#minute"))
        self.browser.run("document.querySelector('[value=rows]').click()")
        self.that("the chart shows rows", " rows in the last hour" in self.browser.run("return document.getElementById('chart').ariaLabel"))

    def copying_a_command_does_not_lose_the_place(self):
        before = self.browser.run("window.kept = document.querySelector('#needs-list li'); return window.kept !== null")
        time.sleep(5)                                         # some answers more
        self.that("what has not changed stays where it is", before and self.browser.run("return window.kept.isConnected"))

    def nobody_else_is_asked(self):
        foreign = [address for address in self.browser.requests() if not address.startswith((self.url, "data:"))]
        self.that("only the agent is asked", not foreign, foreign)
        complaints = self.browser.complaints()
        self.that("nothing to complain about", not complaints, complaints)

    # --- one of several

    def all_agents_are_shown(self, names, silent):
        said = """return [...document.querySelectorAll('#agents-list li')].map(li => [li.querySelector('.path').textContent,
            li.className === 'silent', li.querySelector('.more').textContent])"""
        shown = self.until("all agents are shown as they are", lambda: [
            agents for agents in [self.browser.run(said)]
            if [(name, mute) for name, mute, _ in agents] == [(name, name == silent) for name in names]])
        for name, mute, more in (shown or [[]])[0]:
            self.that(f"what {name} does", more.startswith("last heard of ") if mute else "workers" in more, more)
        leaders = [name for name, _, more in (shown or [[]])[0] if "lists the inbox" in more]
        self.that("one lists the inbox", len(leaders) == 1 and leaders[0] != silent, leaders)

    # --- when it does not

    def the_pause_is_told(self):
        self.until("the pause is told", lambda: self.browser.text("#headline") == "Paused")
        why = self.get("status")["paused"]
        self.that("why", self.browser.text("#reason") == why and "No space left" in why, self.browser.text("#reason"))
        self.that("it is waited for", self.browser.text("#waiting") == "1", self.browser.text("#waiting"))

    def silence_is_told(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.until("the silence is told", lambda: self.browser.text("#headline") == "No answer")
        self.that("since when", "was so at" in self.browser.text("#reason"), self.browser.text("#reason"))


def drop(inbox, name, content):
    """As a careful producer does it."""
    hidden = inbox / ".coming"
    hidden.write_text(content, "utf-8")
    hidden.rename(inbox / name)


def drop_all(inbox):
    for n in range(FILES):
        drop(inbox, f"part-{n:03}.json", "".join(f'{{"row": {row}, "text": "t{row % 7}"}}\n' for row in range(100 + n)))
    drop(inbox, "bad.json", '{"price": 1}\n{"price": 2,, }\n')
    drop(inbox, MARKUP, '{"a": }\n')


def looks(url, picture, **how):
    """What is wrong with how it looks: everything has to fit in."""
    with Browser(**how) as browser:
        browser.open(url)
        check = Check(browser, url)
        check.until("it shows something", lambda: browser.text("#converted") != "–")
        too_wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        check.that(f"fits into the width of {how}", too_wide <= 0, too_wide)
        if picture:
            browser.picture(picture)
        return check.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("inbox", type=Path)
    parser.add_argument("--paused", action="store_true")
    parser.add_argument("--then-kill", type=int)
    parser.add_argument("--agents", type=lambda names: names.split(","))
    parser.add_argument("--silent")
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    with Browser() as browser:
        check = Check(browser, arguments.url)
        browser.open(arguments.url)
        if arguments.paused:
            check.the_pause_is_told()
            if arguments.then_kill:
                check.silence_is_told(arguments.then_kill)
        elif arguments.agents:
            check.all_agents_are_shown(arguments.agents, arguments.silent)
            check.nobody_else_is_asked()
        else:
            drop_all(arguments.inbox)
            check.everything_settles_to_what_the_ledger_says()
            check.errors_show_place_excerpt_and_command()
            check.names_stay_text()
            check.copying_a_command_does_not_lose_the_place()
            check.the_keyboard_reaches_everything()
            check.nobody_else_is_asked()
    wrong = check.wrong
    if not arguments.paused:
        at = arguments.pictures
        wrong += looks(arguments.url, at and at / "light.png")
        wrong += looks(arguments.url, at and at / "dark.png", dark=True)
        wrong += looks(arguments.url, at and at / "phone.png", width=390, height=844)
    print("\n".join(wrong) or "all well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
