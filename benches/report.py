"""The report of a session: tables in Markdown and a plot, printed, kept, and on request noted in the README."""
import re
from pathlib import Path

import plot
from targets import by_key, fastest, seconds, targets

MARKERS = "<!-- bench:begin -->", "<!-- bench:end -->"


def table(head, rows):
    """A Markdown table that also reads well as it stands. The first column and remarks, which come last, are words."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    words = [number == 0 or title == "remark" for number, title in enumerate(head)]
    widths = [width if title != "remark" else len(title) for width, title in zip(widths, head)]

    def line(row):
        return "| " + " | ".join(cell.ljust(width) if left else cell.rjust(width) for cell, width, left in zip(row, widths, words)) + " |"
    rule = "|" + "|".join("-" * (width + 2) if left else "-" * (width + 1) + ":" for width, left in zip(widths, words)) + "|"
    return "\n".join([line(head), rule, *map(line, cells[1:])])


def digits(number):
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 1 else f"{number:.3f}"


def times(number, own):
    return f"{digits(number / own)}×" if number and own else "-"


def machine_words(results):
    m, others = results["machine"], results["neighbours"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    words = [f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, Linux {m['kernel']}; {m['date']}; h5inbox {m['h5inbox']}; {versions}.",
             f"Best of {results['rounds']} runs taken in turns (of one, where it takes over 5 s); inputs in the page cache, outputs not flushed; peers without their start and imports, h5inbox with its own."]
    if results["scale"] != 1:
        words.append(f"Data scaled by {results['scale']:g}: for a look, not for publishing.")
    if others > .05:
        words.append(f"Others kept {100 * others:.0f} % of the cores busy meanwhile: the figures are noisy; processor time (CPU s) is less so.")
    return " ".join(words)


def summary(results):
    """One line a shape."""
    pool, rows = f"reference:{results['machine']['cores']}", []
    for name, shape in results["shapes"].items():
        own, megabytes = seconds(shape, "h5inbox"), shape["bytes"] / 1e6
        ours, best = by_key(shape)["h5inbox"], fastest(shape, "hdf5")
        right = fastest(shape, "hdf5", right_only=True)
        rows.append([name, digits(megabytes), (digits(own) if own else "fails") + (" (wrong)" if ours["wrong"] else ""),
                     digits(megabytes / own) if own else "-", times(seconds(shape, "reference:1"), own), times(seconds(shape, pool), own),
                     with_name(right, own), with_name(best, own), times(least_work(shape), ours["cpu"]), times(own, seconds(shape, "floor"))])
    return table(["shape", "MB", "s", "MB/s", "script", "script, all cores", "best right tool", "best tool, right or not", "least CPU of a tool", "h5inbox / floor"], rows)


def least_work(shape):
    """The least processor time of a tool to HDF5, the script among them."""
    return min((r["cpu"] for r in shape["results"] if r["kind"] == "hdf5" and r["cpu"] and r["key"] != "h5inbox"), default=None)


def with_name(result, own):
    return f"{times(result['seconds'], own)} ({result['label'].split(',')[0]})" if result else "-"


def detail(name, shape):
    """One shape, everybody."""
    rows, megabytes = [], shape["bytes"] / 1e6
    for result in shape["results"]:
        own = seconds(shape, "h5inbox_feather" if result["kind"] == "feather" else "h5inbox")
        time = result["seconds"]
        remark = f"fails: {result['fails']}" if result["fails"] else f"(wrong) {result['wrong']}" if result["wrong"] else ""
        speed = [digits(time), digits(megabytes / time), times(time, own), digits(result["cpu"])] if time else ["fails", "-", "-", "-"]
        rows.append([result["label"], {"hdf5": "HDF5", "feather": "Feather"}.get(result["kind"], "-"), *speed, remark[:100].replace("|", "\\|")])
    head = f"### {name}\n\n{shape['files']:,} files, {megabytes:.1f} MB, {shape['records']:,} records\n\n"
    return head + table(["who", "to", "s", "MB/s", "× h5inbox", "CPU s", "remark"], rows)


def target_table(results):
    def limit(target, value):
        return "-" if value is None else ("≥ " if target.at_least else "≤ ") + target.form.format(value)
    rows = [[t.what, "-" if t.measured is None else t.form.format(t.measured), limit(t, t.floor), limit(t, t.goal), t.verdict, t.remark]
            for t in targets(results)]
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
    rows = [[what, digits(found["bytes"] / 1e6), workers, digits(found["seconds"][workers]),
             digits(found["bytes"] / 1e6 / found["seconds"][workers]), digits(found["cpu"][workers]), digits(found["peak_bytes"][workers] / 2**20)]
            for what, found in measured.items() for workers in found["seconds"]]
    return table([title, "MB", "workers", "s", "MB/s", "CPU s", "peak MiB"], rows)


def agent_words(results):
    latency, idle, words = results.get("latency"), results.get("idle"), []
    if latency:
        words.append(f"One file of 100 records on an idle agent, rename to output: median {latency['p50_ms']:.1f} ms, "
                     f"99th percentile {latency['p99_ms']:.1f} ms ({latency['files']} files).")
    if idle:
        words.append(f"Idle agent with {idle['files']:,} kept files: {100 * idle['share']:.2f} % of a core over {idle['seconds']} s, "
                     f"{idle['resident_bytes'] / 2**20:.0f} MiB resident.")
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
    picture = "![MB of JSON lines to HDF5 a second, by shape of data](docs/bench.svg)\n\n[All figures](docs/bench.md); `make bench` measures them on yours."
    section = joined([f"{begin}", *sections(results, details=False), picture]) + end
    new, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, text, flags=re.S)
    if not found:
        raise SystemExit(f"{readme} has no {begin} … {end}")
    readme.write_text(new)
