"""Opens a profile's page in a real browser and tries what it promises.

    python profile_page.py PAGE [--pictures DIR]

The figures shown must be those of the data in it, it must ask for nothing but itself and have nothing to complain
about, zoom by keyboard, mouse and button, and show markup in a file name as text. The page must tell of a run with at
least two stages and one file. Prints what is wrong; exit code 1 if anything is. --pictures keeps what it looked like:
light.png, dark.png and narrow.png.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from browser import Browser

UNITS = {"µs": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "h": 3600e6}
RANGE = "#range"


class Check:
    def __init__(self, browser, data):
        self.browser, self.data, self.wrong = browser, data, []

    def that(self, what, holds, found=""):
        if not holds:
            self.wrong.append(f"{what}: {found!r}")

    def equal(self, what, found, wanted):
        self.that(f"{what}, wanted {wanted!r}", found == wanted, found)

    # --- what is shown

    def the_sentence_and_the_figures_are_those_of_the_data(self):
        self.equal("the sentence", self.browser.text("#sentence"), self.data["sentence"])
        shown = dict(self.browser.run(
            "return [...document.querySelectorAll('#figures div')].map(d => [...d.children].map(c => c.textContent))"))
        self.equal("files", shown["files"], f"{self.data['files'] - self.data['failed']:,}")
        self.equal("rows", shown["rows"], f"{self.data['rows']:,}")
        self.equal("workers", shown["workers"], f"{self.data['workers']:,}")
        self.equal("failures", shown.get("not converted", "0"), f"{self.data['failed']:,}")

    def the_totals_are_those_of_the_data(self):
        shown = {row[0]: row[2:4] for row in self.rows("#totals")}
        wanted = {stage["name"]: stage["us"] for stage in self.data["stages"] if stage["us"] > 0}
        whole = sum(s["us"] for s in self.data["stages"] if s["counts"]) + self.data["idle_us"]
        if self.data["idle_us"] > 0:
            wanted["idle"] = self.data["idle_us"]
        wanted["workers' time"] = whole
        self.equal("stages shown", set(shown), set(wanted))
        asides = {stage["name"] for stage in self.data["stages"] if not stage["counts"]}
        for name in shown.keys() & wanted.keys():
            time, share = shown[name]
            self.that(f"time of {name} is {wanted[name]} µs", abs(micros(time) - wanted[name]) <= 0.006 * wanted[name] + 1, time)
            self.equal(f"share of {name}", share, "" if name in asides else percent(wanted[name], whole))

    def every_name_stays_text(self):
        names = [row[0] for row in self.rows("#slowest")]
        self.equal("the slowest files", names, [file["name"] for file in self.data["slowest"]])
        self.equal("elements made by names", self.browser.run("return document.querySelectorAll('img, b > *').length"), 0)
        self.equal("what a name could do", self.browser.run("return window.pwned ?? null"), None)

    def the_chart_is_drawn(self):
        stages = self.data["stages"]
        most = max((stage["us"], number) for number, stage in enumerate(stages) if stage["counts"])[1]
        painted = self.browser.run(
            "const c = document.getElementById('timeline'), s = getComputedStyle(document.documentElement);"
            "const wanted = s.getPropertyValue('--s' + arguments[0]).trim();"
            "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
            "const hex = (i) => '#' + [d[i], d[i + 1], d[i + 2]].map(v => v.toString(16).padStart(2, '0')).join('');"
            "for (let i = 0; i < d.length; i += 4) n += hex(i) === wanted; return n / (d.length / 4)", most)
        self.that(f"the colour of {stages[most]['name']} is in the chart", painted > 0.01, painted)
        threads = sum(1 for lane in self.data["lanes"] if lane["files"] > 0 or lane["busy_us"] > 0)
        label = self.browser.run("return document.getElementById('timeline').ariaLabel")
        self.that(f"the chart tells of {threads} threads", label.startswith(f"Timeline of {threads} threads, "), label)

    # --- what it does

    def keys_zoom_the_timeline(self):
        self.browser.run("document.getElementById('timeline').focus()")
        self.browser.type("0")
        whole = self.browser.text(RANGE)
        self.that("all is shown at first", whole.startswith("all of "), whole)
        before = self.picture()
        self.browser.type("+", "+")
        zoomed = self.span()
        self.close("two keys show a quarter", zoomed[1] - zoomed[0], zoomed[2] / 4)
        self.that("the picture changes", self.picture() != before)
        self.browser.type("Right")
        moved = self.span()
        self.close("an arrow moves", moved[0] - zoomed[0], (zoomed[1] - zoomed[0]) / 5)
        self.browser.type("-")
        wider = self.span()
        self.close("a key zooms out", wider[1] - wider[0], zoomed[2] / 2)
        self.browser.type("0")
        self.equal("a key shows all", self.browser.text(RANGE), whole)
        self.equal("the picture is back", self.picture(), before)

    def keys_choose_files(self):
        self.browser.type("n")
        first = self.browser.text("#picked")
        self.that("a file is chosen", any(first.startswith(name) for name in self.data["listed"]["names"]), first)
        self.browser.type("Enter")
        self.that("it is zoomed in on", self.browser.text(RANGE).split()[0] != "all" or self.data["files"] == 1)
        self.browser.type("Escape")
        self.equal("nothing is chosen any more", self.browser.text("#picked"), "")

    def the_mouse_zooms_the_timeline(self):
        middle = self.browser.run("return document.getElementById('timeline').clientWidth") / 2
        self.browser.wheel("#timeline", middle, 60, -200)
        wheeled = self.span()
        self.that("the wheel zooms in", wheeled[1] - wheeled[0] < 0.7 * wheeled[2], wheeled)
        self.browser.type("0")
        self.browser.drag("#timeline", (middle - 50, 60), (middle + 50, 60))
        dragged = self.span()
        width = self.browser.run("return document.getElementById('timeline').clientWidth") - 92
        self.close("a drag zooms in", dragged[1] - dragged[0], dragged[2] * 100 / width)
        self.browser.click(self.browser.element("#zoom-out"))
        self.close("a button zooms out", self.span()[1] - self.span()[0], 2 * (dragged[1] - dragged[0]))
        self.browser.click(self.browser.element("#zoom-reset"))
        self.that("a button shows all", self.browser.text(RANGE).startswith("all of "), self.browser.text(RANGE))

    def the_pointer_tells_of_what_is_under_it(self):
        lane, start, us = self.data["listed"]["at"][:3]
        row = [number for number, l in enumerate(self.data["lanes"]) if l["files"] > 0 or l["busy_us"] > 0].index(lane)
        height = 16 if len(self.data["lanes"]) > 16 else 30 if len(self.data["lanes"]) > 6 else 44
        width = self.browser.run("return document.getElementById('timeline').clientWidth") - 92
        x = 92 + (start + us / 2) / self.data["wall_us"] * width
        self.browser.move("#timeline", x, 24 + row * (height + 8) + 3)
        self.equal("the file under the pointer", self.browser.text("#tip b"), self.data["listed"]["names"][0])

    def the_icicle_zooms_by_click_and_by_key(self):
        whole = self.browser.text("#trail")
        part = max(self.data["icicle"]["parts"], key=lambda part: part["us"])
        self.that("the root is all", whole.startswith("workers' time: ") and whole.endswith(", 100 %"), whole)
        before = self.width_of(part["name"])
        self.browser.click(self.named(part["name"]))
        self.settle()
        self.that("a click fills the width", self.width_of(part["name"]) > 0.98 > before / 1.0001, before)
        trail = self.browser.text("#trail")
        self.that("the trail leads there", trail.startswith(f"workers' time › {part['name']}: "), trail)
        self.browser.type("Escape")
        self.settle()
        self.equal("a key shows all", self.browser.text("#trail"), whole)
        self.browser.run("arguments[0].focus()", {"element-6066-11e4-a52e-4f735466cecf": self.named(part["name"])})
        self.browser.type("Enter")
        self.settle()
        self.that("a key zooms in", self.width_of(part["name"]) > 0.98, self.width_of(part["name"]))

    def a_slow_file_is_shown_in_the_timeline(self):
        slowest = self.data["slowest"][0]
        self.browser.click(self.browser.element("#slowest button"))
        self.that("it is chosen", self.browser.text("#picked").startswith(slowest["name"]), self.browser.text("#picked"))
        self.browser.click(self.browser.element("#zoom-reset"))

    def nothing_is_asked_for_and_nothing_complains(self):
        self.equal("requests", [url for url in self.browser.requests() if not url.startswith("file:")], [])
        self.equal("the console", self.browser.complaints(), [])

    # --- helpers

    def rows(self, table):
        script = "return [...document.querySelectorAll(arguments[0] + ' tr')].slice(1).map(r => [...r.children].map(c => c.textContent))"
        return self.browser.run(script, table)

    def span(self):
        """From, to and end of what the timeline shows, in microseconds."""
        shown = self.browser.text(RANGE)
        whole = re.fullmatch(r"all of (.+)", shown)
        if whole:
            return 0, micros(whole[1]), micros(whole[1])
        return tuple(map(micros, re.fullmatch(r"(.+) to (.+) of (.+)", shown).groups()))

    def close(self, what, found, wanted):
        # Three digits are shown of each end.
        self.that(f"{what}, wanted about {wanted}", abs(found - wanted) <= 0.02 * self.span()[2], found)

    def picture(self):
        drawn = self.browser.run("return document.getElementById('timeline').toDataURL()")
        return hashlib.sha256(drawn.encode()).hexdigest()

    def named(self, name):
        script = "return [...document.querySelectorAll('#icicle button')].find(b => b.title.startsWith(arguments[0] + ': '))"
        return next(iter(self.browser.run(script, name).values()))

    def width_of(self, name):
        script = ("const b = [...document.querySelectorAll('#icicle button')].find(b => b.title.startsWith(arguments[0] + ': '));"
                  "return b.offsetWidth / document.getElementById('icicle').clientWidth")
        return self.browser.run(script, name)

    def settle(self):
        self.browser.run("document.getAnimations().forEach(a => a.finish())")


def micros(words):
    """What a time on the page stands for."""
    parts = words.split()
    return sum(float(value) * UNITS[unit] for value, unit in zip(parts[::2], parts[1::2]))


def percent(part, whole):
    if 0 < part / whole < 0.005:
        return "< 1 %"
    return f"{int(100 * part / whole + 0.5)} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    text = options.page.read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])
    wrong = []
    for name, width, dark in [("light", 1280, False), ("dark", 1280, True), ("narrow", 420, False)]:
        with Browser(width, 1000, dark) as browser:
            browser.open(options.page.absolute().as_uri())
            check = Check(browser, data)
            if options.pictures:
                browser.picture(options.pictures / f"{name}.png")
            look(check, name)
            wrong += [f"{name}: {what}" for what in check.wrong]
    print(*wrong, sep="\n")
    sys.exit(1 if wrong else 0)


def look(check, name):
    check.the_sentence_and_the_figures_are_those_of_the_data()
    check.the_totals_are_those_of_the_data()
    check.every_name_stays_text()
    check.the_chart_is_drawn()
    sides = check.browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    check.that("nothing hangs over the side", sides[0] <= sides[1], sides)
    if name == "light":
        check.keys_zoom_the_timeline()
        check.keys_choose_files()
        check.the_mouse_zooms_the_timeline()
        check.the_pointer_tells_of_what_is_under_it()
        check.the_icicle_zooms_by_click_and_by_key()
        check.a_slow_file_is_shown_in_the_timeline()
    ground = check.browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 127
    check.equal("the ground is light", light, name != "dark")
    check.nothing_is_asked_for_and_nothing_complains()


if __name__ == "__main__":
    main()
