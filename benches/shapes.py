"""The data of the benchmark: JSON-lines files of several shapes, the same on every machine.

    python shapes.py FOLDER SCALE SHAPE...

makes FOLDER/SHAPE/*.json for each shape, once: a folder that is there is kept. SCALE multiplies the number of records.
`stock` is made as the quotes of fakestockdata are, which h5inbox's first users convert; the other shapes are there so
that being fast is no trick for one file. Each file has a random generator of its own, seeded by its name.
"""
import bz2
import json
import os
import random
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

WORDS = ("the of and to in is was for on that with as are be this have from at not by they you we can more when up out "
         "time market data people world price today über año 東京 naïve größer Москва 😀 🚀 coffee rain never really "
         "because through should could record file column number value light night while after before again").split()
CITIES = ("Amsterdam Bogotá Cairo Dhaka Essen Fukuoka Graz Hanoi İzmir Jakarta Kyiv Lima Malmö Nairobi Oslo "
          "Paris").split()
BROWSERS = ["Chrome 143", "Firefox 145", "Safari 26", "Edge 143", "curl/8.17", "Mozilla/5.0 (X11; Linux x86_64)"]


def clock(number):
    """A moment, `number` seconds after the first one, as programs write it."""
    days, seconds = divmod(number, 86400)
    date = f"2026-{days // 28 % 12 + 1:02}-{days % 28 + 1:02}"
    return f"{date}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def sentence(r, words):
    return " ".join(r.choices(WORDS, k=words))


def quote(r, number):
    low = round(r.uniform(10, 500), 3)
    return {"timestamp": clock(120 * number)[:19].replace("T", " "), "open": round(low + r.random(), 3),
            "close": round(low + r.random(), 3), "high": round(low + 1, 3), "low": low}


def wide(r, number):
    """200 columns of numbers: sensors, features, one record a moment."""
    return {f"sensor_{column:03}": round(r.gauss(0, 50), column % 7 + 1) for column in range(200)}


def tweet(r, number):
    """Mostly text: line feeds, quotes, letters of all kinds; ids above 2**53; replies that are often none."""
    ident = 1_800_000_000_000_000_000 + number * 4099 + r.randrange(4000)
    reply = ident - r.randrange(1 << 40) if r.random() < .3 else None
    text = sentence(r, r.randrange(8, 40))
    text = f'"{text}"\n\n— {sentence(r, 3)} https://example.org/{ident:x}' if r.random() < .2 else text
    return {"id": ident, "id_str": str(ident), "created_at": clock(number), "full_text": text,
            "source": '<a href="https://example.org/app" rel="nofollow">An App</a>',
            "lang": r.choice(["en", "de", "ja"]),
            "in_reply_to_status_id": reply, "in_reply_to_screen_name": reply and sentence(r, 1), "place": None,
            "retweet_count": r.randrange(100), "favorite_count": r.randrange(1000), "truncated": r.random() < .1}


def nested(r, number):
    """Objects and lists inside the record, as interfaces of the web give."""
    tags = [{"text": r.choice(WORDS), "indices": [n, n + 8]} for n in range(r.randrange(4))]
    return {"id": number, "type": r.choice(["PushEvent", "ForkEvent", "WatchEvent"]), "created_at": clock(number),
            "actor": {"id": r.randrange(10**7), "login": sentence(r, 1), "site_admin": r.random() < .01},
            "entities": {"hashtags": tags, "urls": []},
            "point": [round(r.uniform(-90, 90), 5), round(r.uniform(-180, 180), 5)],
            "payload": {"size": r.randrange(20), "ref": "refs/heads/main", "depth": {"a": {"b": [1, 2.5, None, "x"]}}}}


def sparse(r, number):
    """300 optional keys, some 40 of them in a record, always in the same order."""
    record = {"id": number, "at": clock(number)}
    for key in sorted(r.sample(range(300), r.randrange(30, 50))):
        kind = key % 4
        value = r.randrange(10**6) if kind == 0 else r.choice(CITIES) if kind == 1 else round(r.uniform(0, 1000), 2)
        record[f"attribute_{key}"] = value
    return record


def categories(r, number):
    """Text of few different values: a log of visits."""
    return {"at": clock(number // 50), "city": r.choice(CITIES), "browser": r.choice(BROWSERS),
            "method": r.choice(["GET", "POST"]), "level": r.choice(["debug", "info", "warning", "error"]),
            "path": f"/api/v1/{r.choice(WORDS[:30])}",
            "status": r.choice([200, 200, 200, 304, 404, 500])}


def reordered(r, number):
    """The same keys in an order that changes from record to record, as hash maps of other languages write them."""
    record = {"id": number, "at": clock(number), "city": r.choice(CITIES), "note": sentence(r, 4),
              "count": r.randrange(1000), "price": round(r.uniform(1, 100), 2), "weight": round(r.gauss(70, 9), 4),
              "active": r.random() < .5,
              "code": f"{r.randrange(1 << 32):08x}", "total": r.randrange(10**9)}
    keys = list(record)
    r.shuffle(keys)
    return {key: record[key] for key in keys}


def integers(r, number):
    """Whole numbers from one digit to nineteen."""
    record = {"id": number, "at_ms": 1_790_000_000_000 + 250 * number}
    return record | {f"digits_{n}": r.randrange(-10**n if n % 3 == 0 else 0, 10**n) for n in range(1, 19, 2)}


def flags(r, number):
    """Booleans and nulls: answers to a questionnaire."""
    answers = {f"answer_{n}": r.random() < .5 for n in range(8)}
    maybe = {f"optional_{n}": r.choice([True, False, None]) for n in range(4)}
    return {"id": number} | answers | maybe | {"never": None, "score": r.choice([None, r.randrange(100)]),
            "mean": r.choice([None, round(r.random(), 3)]), "comment": r.choice([None, None, "yes", "no", "perhaps"])}


# Records a file, files, record; at SCALE 1 each shape has some 100 to 250 MB.
MADE = {"wide": (4_000, 12, wide), "tweets": (34_000, 12, tweet), "nested": (40_000, 12, nested),
        "sparse": (12_000, 12, sparse), "categories": (110_000, 12, categories), "reordered": (72_000, 12, reordered),
        "integers": (80_000, 12, integers), "flags": (50_000, 12, flags), "small": (10, 10_000, quote)}
STOCK_FILES = 29
NAMES = ["stock", *MADE]


def write(path, records, ascii=False):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=ascii) + "\n" for record in records)


def write_made(shape, target, numbers, records):
    """The files of these numbers; every second one escapes what is not ASCII, as many programs do."""
    record = MADE[shape][2]
    for number in numbers:
        r = random.Random(f"{shape} {number}")
        write(target / f"{shape}-{number:05}.json", (record(r, n) for n in range(records)), ascii=number % 2 == 0)


def write_stock(quotes, target, days):
    """One symbol's daily quotes, filled in with a random walk at a step of 120 s from 09:00 to 17:00."""
    import numpy as np
    import pandas as pd

    symbol = quotes.name.removeprefix("table_").removesuffix(".csv.bz2")
    random_walk = np.random.default_rng([ord(letter) for letter in symbol])
    daily = [line.split(",") for line in bz2.open(quotes, "rt").read().splitlines()][-days:]
    with open(target / f"{symbol}.json", "w") as file:
        for day, _, first, highest, lowest, last, _ in daily:
            opened, high, low, closed = map(float, (first, highest, lowest, last))
            times = pd.date_range(f"{day} 09:00:00", f"{day} 17:00:00", freq="120s").strftime("%Y-%m-%d %H:%M:%S")
            walk = (random_walk.random((len(times), 5)) - .5).cumsum().reshape(-1, 5)
            walk *= (high - low) / max(walk.max() - walk.min(), 1e-9)
            walk += np.linspace(opened - walk[0, 0], closed - walk[-1, -1], walk.size).reshape(-1, 5)
            walk = walk.clip(low, high).round(3)
            columns = walk[:, 0].tolist(), walk[:, -1].tolist(), walk.max(1).tolist(), walk.min(1).tolist()
            file.writelines(json.dumps(dict(zip(("timestamp", "open", "close", "high", "low"), row))) + "\n"
                            for row in zip(times, *columns))


def plan(shape, target, scale, pool):
    """The work of making one shape, in parts that processes share."""
    if shape == "stock":
        quotes = sorted(Path(sys.prefix, "share/fakestockdata/daily").glob("table_*"))[:STOCK_FILES]
        return [pool.submit(write_stock, quote, target, max(1, round(365 * scale))) for quote in quotes]
    records, files, _ = MADE[shape]
    if shape == "small":
        files = max(20, round(files * scale))
    else:
        records = max(20, round(records * scale))
    step = max(1, files // 50)
    starts = range(0, files, step)
    return [pool.submit(write_made, shape, target, range(n, min(n + step, files)), records) for n in starts]


def one_text_column(target, size):
    """One file whose records have a single text and nothing else."""
    unfinished, r = target.with_suffix(".unfinished"), random.Random("text")
    if target.exists():
        return target
    texts = [json.dumps({"text": sentence(r, r.randrange(5, 200))}, ensure_ascii=False) + "\n" for _ in range(10_000)]
    with open(unfinished, "w", encoding="utf-8") as file:
        while file.tell() < size:
            file.writelines(r.sample(texts, len(texts)))
    return unfinished.rename(target)


def make(folder, scale, shapes):
    with ProcessPoolExecutor() as pool:
        for shape in shapes:
            target, unfinished = Path(folder, shape), Path(folder, f"{shape}.unfinished")
            if target.exists():
                continue
            print(f"making {target}", file=sys.stderr, flush=True)
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            for part in plan(shape, unfinished, scale, pool):
                part.result()
            os.rename(unfinished, target)


if __name__ == "__main__":
    make(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
