"""Real-world shapes, made up and the same each time: what people really drop into an inbox."""
import json
import random

LANGUAGES = [
    "The quick brown fox", "Žluťoučký kůň", "Съешь ещё этих", "Γαζέες καὶ μυρτιὲς", "דג סקרן שט בים", "صِف خَلقَ خَودِ",
    "いろはにほへと", "다람쥐 헌 쳇바퀴", "天地玄黃 宇宙洪荒", "ऋषियों को सताने", "เป็นมนุษย์สุดประเสริฐ", "Pchnąć w tę łódź jeża",
    "Þróttur á æfingu", "ỳ ẽ ộ ữ", "👩‍👩‍👧‍👦 🇨🇭 👍🏽", "ﷺ", "e\u0301 n\u0303", "ʇxǝʇ",
]


def lines(records, **options):
    return "".join(json.dumps(record, **options) + "\n" for record in records)


def sentence(rng, words=8):
    return " ".join(rng.choice(rng.choice(LANGUAGES).split()) for _ in range(words))


def author(rng):
    return {
        "id": rng.randrange(10**9, 10**19), "name": sentence(rng, 2), "verified": rng.random() < 0.1,
        "url": rng.choice([None, "https://example.org/é?a=1&b=2"]), "followers_count": rng.randrange(10**6),
        "profile_background_color": "C0DEED", "withheld_in_countries": [],
    }


def tweets(rng, count=60):
    """Ids beyond 2^53, as numbers and as text; most optional fields null, some absent."""
    for number in range(count):
        snowflake, reply = 1_050_118_621_198_921_728 + number * 4_194_304_007, rng.random() < 0.4
        tweet = {
            "created_at": f"Wed Oct {10 + number % 20} 20:19:24 +0000 2018", "id": snowflake, "id_str": str(snowflake),
            "text": sentence(rng) + " 😀 &amp; https://t.co/x", "truncated": False, "user": author(rng),
            "in_reply_to_status_id": snowflake - 9_007_199 if reply else None, "coordinates": None, "place": None,
            "in_reply_to_screen_name": "someone" if reply else None, "contributors": None, "is_quote_status": False,
            "geo": rng.choice([None, {"type": "Point", "coordinates": [47.37, 8.54]}]), "favorited": False,
            "entities": {"hashtags": [{"text": "日本", "indices": [0, 3]}] * rng.randrange(3), "urls": []},
            "retweet_count": rng.randrange(500), "lang": rng.choice(["en", "ja", "und"]),
        }
        if rng.random() < 0.3:
            tweet |= {"possibly_sensitive": rng.random() < 0.5, "quoted_status_id": snowflake - 1}
            tweet["extended_entities"] = {"media": [{"id": snowflake, "sizes": {"thumb": {"w": 150, "h": 150}}}]}
        yield tweet


def push(rng):
    commit = {"sha": f"{rng.getrandbits(160):040x}", "message": sentence(rng), "distinct": True}
    return {"push_id": rng.randrange(10**10), "size": 1, "commits": [commit]}


def issue(rng):
    body = 'line\r\nline\ttab "quoted" \\ back'
    return {"action": "opened", "issue": {"number": rng.randrange(999), "labels": [], "assignee": None, "body": body}}


def github_events(rng, count=60):
    """One of several payloads in one column; `org` only sometimes."""
    payloads = {
        "PushEvent": push, "IssuesEvent": issue, "WatchEvent": lambda rng: {"action": "started"},
        "CreateEvent": lambda rng: {"ref": None, "ref_type": "repository", "description": None},
    }
    for number in range(count):
        kind = rng.choice(list(payloads))
        event = {
            "id": str(26_000_000_000 + number), "type": kind, "repo": {"id": rng.randrange(10**9), "name": "a/b"},
            "actor": {"id": rng.randrange(10**8), "login": f"user-{number}", "gravatar_id": ""},
            "payload": payloads[kind](rng), "public": True, "created_at": "2024-01-01T00:00:00Z",
        }
        yield event | ({"org": {"id": 1, "login": "org"}} if rng.random() < 0.3 else {})


def sensors(rng, count=200):
    """Numbers with gaps of each kind."""
    for number in range(count):
        reading = {
            "ts": 1_700_000_000_000 + number * 250, "device": f"s-{number % 7:02}", "ok": rng.random() < 0.97,
            "temperature": round(rng.gauss(20, 5), 2), "humidity": rng.randrange(100),
            "pressure": float("nan") if number % 50 == 11 else 101_325 + number if number % 2 else 1.01325e5,
        }
        if number % 10 == 3:
            reading["temperature"] = None
        if number % 25 == 7:
            del reading["humidity"]
        if number % 40 == 9:
            reading["error"] = "E17"
        yield reading


def item(rng):
    return {
        "sku": f"{rng.randrange(10**6):06}", "price": {"amount": str(rng.uniform(1, 99)), "currency": "CHF"},
        "tags": rng.sample(["a", "b", "c"], rng.randrange(4)), "stock": rng.choice([None, 0, 12]),
    }


def api_answers(rng, count=40):
    """Deeply nested pages."""
    for page in range(count):
        meta = {"took": rng.random(), "cached": page % 2 == 0, "nested": {"a": {"b": {"c": [[[page]]]}}}}
        yield {
            "status": 200, "page": page, "next": f"/items?page={page + 1}" if page + 1 < count else None,
            "data": {"items": [item(rng) for _ in range(rng.randrange(5))], "meta": meta}, "errors": [],
        }


def geojson(rng, count=40):
    """Coordinates nested in one to four lists; a mixed `id`; geometry sometimes null."""
    def ring():
        return [[rng.uniform(-180, 180), rng.uniform(-90, 90)] for _ in range(rng.randrange(4, 9))]
    makers = {
        "Point": lambda: ring()[0], "LineString": ring, "Polygon": lambda: [ring(), ring()],
        "MultiPolygon": lambda: [[ring()], [ring()]],
    }
    for number in range(count):
        kind = rng.choice(list(makers))
        geometry = {"type": kind, "coordinates": makers[kind]()} if rng.random() < 0.9 else None
        yield {
            "type": "Feature", "id": rng.choice([number, f"way/{number}"]), "geometry": geometry,
            "properties": {"name": sentence(rng, 1), "ele": rng.choice([None, 408, 408.5])}, "bbox": [0, 0, 1.0, 1e2],
        }


def sparse(rng, count=150):
    """Hundreds of optional keys, a dozen a record."""
    makers = [
        lambda: rng.randrange(10**6), rng.random, lambda: rng.random() < 0.5, lambda: None, lambda: [rng.randrange(9)],
        lambda: 2**53 + 1,
    ]
    keys = {f"option.{number}": rng.choice(makers) for number in range(400)}
    keys |= {f"label.{number}": lambda: sentence(rng, 1) for number in range(12)}
    for number in range(count):
        yield {"id": number} | {key: keys[key]() for key in rng.sample(list(keys), rng.randrange(12))}


def wide(rng, count=6):
    """Two thousand columns."""
    makers = [lambda: rng.gauss(0, 1), lambda: rng.randrange(1000), lambda: rng.choice([None, True])]
    for _ in range(count):
        yield {f"feature_{number:04}": makers[number % 3]() for number in range(2000)}


def quotes(rng, count=300):
    price = 100.0
    for number in range(count):
        price *= 1 + rng.gauss(0, 0.01)
        yield {
            "date": f"2024-{1 + number // 28 % 12:02}-{1 + number % 28:02}", "open": round(price, 2), "close": price,
            "high": price * 1.01, "low": price * 0.99, "volume": rng.randrange(10**10),
            "adjClose": None if number % 90 == 5 else price,
        }


def logs(rng, count=150):
    """Mixed types in most columns."""
    extras = [{}, {"stack": "Traceback:\n\tat x\n" * 3}, {"user": 7}, {"user": "seven"}, {"ctx": {"k": [1, None]}}]
    for number in range(count):
        yield {
            "time": f"2024-01-01T00:{number // 60:02}:{number % 60:02}.{number:03}Z",
            "level": rng.choice(["INFO", "WARN", 40, None]), "msg": rng.choice([sentence(rng), "", None, {"e": "x"}]),
            "latency": rng.choice([12, 12.5, "12ms", None, True]),
        } | rng.choice(extras)


def numbers_as_text(rng, count=80):
    """What must stay text: numbers, dates, words for nothing."""
    for number in range(count):
        yield {
            "zip": f"{rng.randrange(10**5):05}", "price": f"{rng.uniform(0, 10):.2f}", "epoch": "1700000000",
            "date": f"2024-01-{1 + number % 28:02}", "bool": rng.choice(["true", "false"]), "hex": f"{number:#x}",
            "missing": rng.choice(["", "nan", "NaN", "null", "None", "NA", "<NA>", "NaT"]), "float": "1e5",
            "mixed": rng.choice(["1", 1]), "padded": f" {number} ", "big": str(2**70),
        }


def long_texts(rng, count=12):
    for number in range(count):
        yield {
            "id": number, "body": "\n".join(sentence(rng, 40) for _ in range(30)), "blank": " " * 5000,
            "html": '<p class="x">&nbsp;</p>\r\n' * 500, "hex": f"{rng.getrandbits(60_000):x}",
        }


def languages(rng, count=60):
    """Many scripts, in keys as well."""
    for number in range(count):
        text = LANGUAGES[number % len(LANGUAGES)]
        yield {
            "text": text, "Überschrift": text[::-1], "названіе": sentence(rng, 3), "名前": text if number % 5 else None,
            "😀": text.encode("utf-16").hex(), "mix": {text: [text.upper(), text.title()]},
        }


def hashes(rng, count=80):
    """Analytics events: ids as hashes of 64 bits, signed and unsigned, with and without nulls."""
    for _ in range(count):
        yield {
            "event": rng.choice(["view", "click"]), "hash": rng.getrandbits(64), "signed": rng.getrandbits(64) - 2**63,
            "session": rng.choice([None, rng.getrandbits(63)]), "uuid": f"{rng.getrandbits(128):032x}",
            "props": {f"p{rng.randrange(5)}": rng.random() for _ in range(rng.randrange(4))},
        }


def trades(rng, count=100):
    """Lists instead of objects, as exchanges stream them; some shorter."""
    for number in range(count):
        price, side = f"{rng.uniform(1, 9):.8f}", rng.choice([0, 1])
        trade = [1_700_000_000_000 + number, price, rng.uniform(1, 9), side, rng.random() < 0.5, None, "x"]
        yield trade[:rng.choice([7, 7, 7, 5])]


SHAPES = [
    tweets, github_events, sensors, api_answers, geojson, sparse, wide, quotes, logs, numbers_as_text, long_texts,
    languages, hashes, trades,
]


def cases():
    for shape in SHAPES:
        records = list(shape(random.Random(shape.__name__)))
        yield f"shape-{shape.__name__}", lines(records, ensure_ascii=False, separators=(",", ":"))
        if shape in (tweets, languages, logs):
            yield f"shape-{shape.__name__}-escaped", lines(records)
            arranged = lines(records, sort_keys=True, ensure_ascii=False)
            yield f"shape-{shape.__name__}-sorted-CRLF", arranged.replace("\n", "\r\n")
        if shape in (github_events, sensors):
            yield f"shape-{shape.__name__}-array", json.dumps(records, indent=1)
            yield f"shape-{shape.__name__}-cut", lines(records)[:-20]


def long_cases():
    """The same shapes from other seeds, and more records."""
    for shape in SHAPES:
        for seed in range(10):
            rng = random.Random(f"{shape.__name__}/{seed}")
            yield f"shape-{shape.__name__}-{seed}", lines(shape(rng, 30 if shape is wide else 400))
