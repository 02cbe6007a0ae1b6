"""A bar chart of the shapes, in MB of input a second, as an SVG that reads on light and dark pages."""
from html import escape

from targets import fastest, seconds

BAR, GAP, LEFT, WIDTH, RIGHT, TOP = 14, 16, 110, 560, 150, 50
COLOURS = {"h5inbox": "#d9480f", "the best other tool": "#4c6ef5", "the script, all cores": "#868e96"}
DARK = "<style>text { fill: #212529 } @media (prefers-color-scheme: dark) { text { fill: #e9ecef } }</style>"


def bars(results):
    """(shape, [(MB/s, words)] in the order of the colours) for each shape."""
    pool = f"reference:{results['machine']['cores']}"
    for name, shape in results.get("shapes", {}).items():
        best = fastest(shape, "hdf5") or {"seconds": None, "label": ""}
        rivals = [(seconds(shape, "h5inbox"), ""), (best["seconds"], best["label"].split(",")[0]),
                  (seconds(shape, pool), "")]
        yield name, [(shape["bytes"] / time / 1e6 if time else 0, words) for time, words in rivals]


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def bar(y, length, colour):
    return f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>'


def group(name, rows, top, longest):
    yield text(LEFT - 10, top + 1.5 * BAR + 4, name, 'text-anchor="end" font-weight="bold"')
    for number, ((speed, words), colour) in enumerate(zip(rows, COLOURS.values())):
        y, length = top + number * BAR, WIDTH * speed / longest
        yield bar(y, length, colour)
        label = f"{speed:.0f} {words}".strip() if speed else "fails"
        yield text(LEFT + length + 5, y + BAR - 4, label, 'font-size="11"')


def legend(y):
    for number, (what, colour) in enumerate(COLOURS.items()):
        x = LEFT + 190 * number
        yield f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>'
        yield text(x + 16, y + 10, what)


def svg(results):
    groups = list(bars(results))
    longest = max((speed for _, rows in groups for speed, _ in rows), default=0) or 1
    wide, high = LEFT + WIDTH + RIGHT, TOP + len(groups) * (3 * BAR + GAP)
    title = f"MB of JSON lines to HDF5 a second, all {results['machine']['cores']} cores"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
             'font-family="sans-serif" font-size="13">',
             f"<title>{title}</title>", DARK, text(LEFT, 16, title), *legend(24)]
    for number, (name, rows) in enumerate(groups):
        lines += group(name, rows, TOP + number * (3 * BAR + GAP), longest)
    return "\n".join([*lines, "</svg>"]) + "\n"
