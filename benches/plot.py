"""A bar chart of the shapes, in MB of input a second, as an SVG that reads on light and dark pages."""
from html import escape

from targets import fastest, seconds

BAR, GAP, LEFT, WIDTH, RIGHT = 14, 16, 110, 560, 150
COLOURS = {"h5inbox": "#d9480f", "the best other tool": "#4c6ef5", "the script, all cores": "#868e96"}


def bars(results):
    """(shape, [(what, MB/s, words)]) for each shape."""
    pool = f"reference:{results['machine']['cores']}"
    for name, shape in results["shapes"].items():
        best = fastest(shape, "hdf5")
        times = [(seconds(shape, "h5inbox"), ""), (best and best["seconds"], best and best["label"].split(",")[0]), (seconds(shape, pool), "")]
        yield name, [(what, shape["bytes"] / time / 1e6 if time else 0, words or "") for what, (time, words) in zip(COLOURS, times)]


def group(name, rows, top, longest):
    yield f'<text x="{LEFT - 10}" y="{top + 1.5 * BAR + 4}" text-anchor="end" font-weight="bold">{escape(name)}</text>'
    for number, (what, speed, words) in enumerate(rows):
        y, length = top + number * BAR, WIDTH * speed / longest
        label = f"{speed:.0f} {words}".strip() if speed else "fails"
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[what]}"/>'
        yield f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 4}" font-size="11">{escape(label)}</text>'


def legend(y):
    for number, (what, colour) in enumerate(COLOURS.items()):
        x = LEFT + 190 * number
        yield f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/><text x="{x + 16}" y="{y + 10}">{escape(what)}</text>'


def svg(results):
    groups = list(bars(results))
    longest = max((speed for _, rows in groups for _, speed, _ in rows), default=0) or 1
    height = 50 + len(groups) * (3 * BAR + GAP)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" font-family="sans-serif" font-size="13">',
             "<title>MB of JSON lines converted to HDF5 a second</title>",
             "<style>text { fill: #212529 } @media (prefers-color-scheme: dark) { text { fill: #e9ecef } }</style>",
             f'<text x="{LEFT}" y="16">MB of JSON lines to HDF5 a second, all {results["machine"]["cores"]} cores</text>', *legend(24)]
    for number, (name, rows) in enumerate(groups):
        lines += group(name, rows, 50 + number * (3 * BAR + GAP), longest)
    return "\n".join([*lines, "</svg>"]) + "\n"
