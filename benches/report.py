"""The report of a session: tables in Markdown and a plot, printed, kept, and on request noted in the README."""
import re
from pathlib import Path

import plot
from targets import by_key, fastest, seconds, targets

PICTURE = """![MB of JSON lines to HDF5 a second, by shape of data](docs/bench.svg)

[All figures](docs/bench.md); `make bench` measures them on your machine."""
MARKERS = "<!-- bench:begin -->", "<!-- bench:end -->"


def table(head, rows):
    """A Markdown table that also reads well as it stands. The first column and remarks, which come last, are words."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    words = [number == 0 or title == "remark" for number, title in enumerate(head)]
    widths = [width if title != "remark" else len(title) for width, title in zip(widths, head)]

    def cells_of(row):
        return [cell.ljust(width) if left else cell.rjust(width) for cell, width, left in zip(row, widths, words)]
    rule = ["-" * (width + 2) if left else "-" * (width + 1) + ":" for width, left in zip(widths, words)]
    lines = ["| " + " | ".join(cells_of(row)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]])


def digits(number):
    """Three of them."""
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:.{decimals}f}"


def times(number, own):
    return f"{digits(number / own)}×" if number and own else "-"


METHOD = ("inputs in the page cache, outputs not flushed; the others without their start and imports, "
          "h5inbox with its own. "
          "CPU is the work of all processors together.")


def machine_words(results):
    m, others = results["machine"], results["neighbours"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    words = [f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, Linux {m['kernel']}; {m['date']};",
             f"h5inbox {m['h5inbox']}; {versions}.",
             f"Best of {results['rounds']} runs taken in turns, of one where it takes over 5 s; {METHOD}"]
    if results["scale"] != 1:
        words.append(f"Data scaled by {results['scale']:g}: for a look, not for publishing.")
    if others > .05:
        words.append(f"Others kept {100 * others:.0f} % of the cores busy meanwhile, so the times are noisy; "
                     "CPU is less so.")
    return " ".join(words)


def with_name(result, own):
    return f"{times(result['seconds'], own)} ({result['label'].split(',')[0]})" if result else "-"


def least_work(shape):
    """The least processor time of a tool to HDF5, the script among them."""
    others = [result["cpu"] for result in shape["results"] if result["kind"] == "hdf5" and result["key"] != "h5inbox"]
    return min(filter(None, others), default=None)


def summary_row(name, shape, pool):
    ours, megabytes = by_key(shape)["h5inbox"], shape["bytes"] / 1e6
    if not ours["seconds"]:
        return [name, digits(megabytes), "fails", *["-"] * 7]
    own, mark = ours["seconds"], " (wrong)" if ours["wrong"] else ""
    return [name, digits(megabytes), digits(own) + mark, digits(megabytes / own),
            times(seconds(shape, "reference:1"), own), times(seconds(shape, pool), own),
            with_name(fastest(shape, "hdf5", right_only=True), own), with_name(fastest(shape, "hdf5"), own),
            times(least_work(shape), ours["cpu"]), times(own, seconds(shape, "floor"))]


def summary(results):
    """One line a shape."""
    pool = f"reference:{results['machine']['cores']}"
    head = ["shape", "MB", "s", "MB/s", "script", "script, all cores", "best right tool", "best tool, right or not",
            "least CPU of a tool", "h5inbox / floor"]
    return table(head, [summary_row(name, shape, pool) for name, shape in results["shapes"].items()])


def remark_on(result):
    if result["fails"]:
        return f"fails: {result['fails']}"[:100].replace("|", "\\|")
    return f"(wrong) {result['wrong']}"[:100].replace("|", "\\|") if result["wrong"] else ""


def detail_row(result, shape):
    own = seconds(shape, f"h5inbox_{result['kind']}" if result["kind"] in ("feather", "parquet") else "h5inbox")
    time, to = result["seconds"], {"hdf5": "HDF5", "feather": "Feather", "parquet": "Parquet"}.get(result["kind"], "-")
    if not time:
        return [result["label"], to, "fails", "-", "-", "-", remark_on(result)]
    speed = shape["bytes"] / 1e6 / time
    figures = [digits(time), digits(speed), times(time, own), digits(result["cpu"])]
    return [result["label"], to, *figures, remark_on(result)]


def detail(name, shape):
    """One shape, everybody."""
    head = f"### {name}\n\n{shape['files']:,} files, {shape['bytes'] / 1e6:.1f} MB, {shape['records']:,} records\n\n"
    return head + table(["who", "to", "s", "MB/s", "× h5inbox", "CPU s", "remark"],
                        [detail_row(result, shape) for result in shape["results"]])


def target_table(results):
    def limit(target, value):
        return "-" if value is None else ("≥ " if target.at_least else "≤ ") + target.form.format(value)
    rows = []
    for t in targets(results):
        measured = "-" if t.measured is None else t.form.format(t.measured)
        rows.append([t.what, measured, limit(t, t.floor), limit(t, t.goal), t.verdict, t.remark])
    return table(["what", "measured", "floor", "goal", "verdict", "remark"], rows)


def small_table(small):
    """Files a second."""
    peers = small["peers"]
    def row(who, files, time, remark=""):
        return [who, f"{files:,}", digits(time), digits(files / time), remark]
    rows = [row("h5inbox, dropped on the running agent, durable", *small["agent"].values()),
            row("h5inbox convert", *small["convert"].values())]
    rows += [row(result["label"], peers["files"], result["seconds"], "wrong" if result["wrong"] else "")
             for result in peers["results"] if result["seconds"] and result["key"] != "h5inbox"]
    return table(["small files of 10 records", "files", "s", "files/s", "remark"], rows)


def workers_table(measured, title):
    """Seconds and memory by number of workers."""
    rows = []
    for what, found in measured.items():
        megabytes = found["bytes"] / 1e6
        for workers, time in found["seconds"].items():
            rows.append([what, digits(megabytes), workers, digits(time), digits(megabytes / time),
                         digits(found["cpu"][workers]), digits(found["peak_bytes"][workers] / 2**20)])
    return table([title, "MB", "workers", "s", "MB/s", "CPU s", "peak MiB"], rows)


def agent_words(results):
    latency, idle, words = results.get("latency"), results.get("idle"), []
    if latency:
        words.append(f"One file of 100 records on an idle agent, rename to output: median {latency['p50_ms']:.1f} ms, "
                     f"99th percentile {latency['p99_ms']:.1f} ms ({latency['files']} files).")
    if idle:
        words.append(f"Idle agent with {idle['files']:,} kept files: {100 * idle['share']:.2f} % of a core "
                     f"over {idle['seconds']} s, {idle['resident_bytes'] / 2**20:.0f} MiB resident.")
    return "\n".join(words)


def sections(results, details):
    """The report's parts, in order; without `details` those that the README has."""
    yield machine_words(results)
    if "shapes" in results:
        yield "Times of the others as multiples of h5inbox's:"
        yield summary(results)
    yield target_table(results)
    if details:
        yield from detail_sections(results)


def detail_sections(results):
    if "small" in results:
        yield small_table(results["small"])
    yield agent_words(results)
    if "memory" in results:
        yield workers_table(results["memory"], "memory")
    if "scaling" in results:
        yield workers_table(results["scaling"], "scaling")
    for name, shape in results.get("shapes", {}).items():
        yield detail(name, shape)


def joined(parts):
    return "\n\n".join(filter(None, parts)) + "\n"


def publish(results, folder, readme):
    whole = joined(["# Benchmark", *sections(results, details=True)])
    (folder / "report.md").write_text(whole)
    if "shapes" in results:
        (folder / "bench.svg").write_text(plot.svg(results))
    print(whole)
    if readme:
        note(results, whole, readme)


def note(results, whole, readme):
    """Replaces what stands between the README's markers, and docs/bench.* beside it."""
    begin, end = MARKERS
    text, docs = readme.read_text(), Path(readme.parent, "docs")
    docs.mkdir(exist_ok=True)
    (docs / "bench.md").write_text(whole)
    (docs / "bench.svg").write_text(plot.svg(results))
    section = joined([begin, *sections(results, details=False), PICTURE]) + end
    new, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, text, flags=re.S)
    if not found:
        raise SystemExit(f"{readme} has no {begin} … {end}")
    readme.write_text(new)
