"""Where we deliberately do otherwise than the reference: the rules, and the sidecars that tell reference.py.

A blank line is skipped and a byte order mark at the start is stripped, so that a file of white space is an empty frame.
A compressed source is what it unpacks to. A source whose first line is no record may be one document: an array of
records, or objects one behind the other. What the reference takes by accident only may be refused.
"""
import bz2
import gzip
import json
import lzma
import re
import zlib

PACKED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\0": lzma.decompress}
SPACE, DECODE = re.compile(r"[ \t\r\n]*"), json.JSONDecoder().raw_decode


def lines_of(text):
    """The lines of a text as a file opened as text has them, without their ends."""
    lines = re.split("\r\n|\r|\n", text)
    return lines[:-1] if lines[-1] == "" else lines


def is_record(line):
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def unpacked(raw):
    """What a compressed source holds, or None when it is not one, or one that is damaged or cut short."""
    for magic, decompress in PACKED.items():
        if raw.startswith(magic):
            try:
                return decompress(raw)
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
                return None
    return None


def value_at(text, at):
    """The JSON value that begins there, put on one line, and where what follows it begins."""
    _, end = DECODE(text, at)
    return re.sub("[\r\n]", " ", text[at:end]), SPACE.match(text, end).end()


def items(text):
    """The items of a text that is one array, else None."""
    at, found = SPACE.match(text).end(), []
    if text[at:at + 1] != "[":
        return None
    at = SPACE.match(text, at + 1).end()
    while text[at:at + 1] != "]" or found:
        item, at = value_at(text, at)
        found.append(item)
        if text[at:at + 1] != ",":
            break
        at = SPACE.match(text, at + 1).end()
    return found if text[at:].strip(" \t\r\n") == "]" else None


def objects(text):
    """The objects of which a text consists, else None."""
    at, found = SPACE.match(text).end(), []
    while text[at:at + 1] == "{":
        record, at = value_at(text, at)
        found.append(record)
    return found if at == len(text) else None


def document(text):
    """The records of a text that is one array or objects one behind the other, each put on a line; else None."""
    try:
        found = items(text)
        return objects(text) if found is None else found
    except (ValueError, RecursionError):
        return None


def judgement(lines):
    """Why it is sensible to refuse records which the reference takes, if it is."""
    values = [json.loads(line) for line in lines]
    kind = next((k for k in (dict, list) if values and isinstance(values[0], k)), None)
    if any(isinstance(v, (dict, list)) if kind is None else not isinstance(v, kind) for v in values):
        return "lines of different kinds pass by accident only"
    if kind is dict and any(key.endswith("\0") for v in values for key in v):
        return "a NUL at the end of a key cannot be stored in a label"
    return None


def of_document(text):
    """The rule for a text whose first line is no record, or None when it is no document either."""
    found = document(text)
    if found is None:
        return None
    why = judgement(found)
    accept = ["refuse", "like"] if why else ["like"]
    return {"accept": accept, "like": found, "why": why or "a document, by its first line"}


def of_lines(text):
    """The rule for a text, or None when the reference's verdict holds."""
    plain = text.removeprefix("\ufeff")
    records = [line for line in lines_of(plain) if line.strip(" \t")]
    if not all(map(is_record, records)):
        return None if is_record(records[0]) else of_document(plain)
    why = judgement(records)
    if text.startswith("\ufeff") or records != lines_of(plain):
        accept = ["refuse", "like"] if why else ["like"]
        return {"accept": accept, "like": records, "why": why or "a byte order mark or blank lines"}
    return why and {"accept": ["refuse", "reference"], "why": why}


def of_packed(content):
    """The rule for a compressed source that holds `content`."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    rule = {"accept": ["like"], "like": lines_of(text), **(of_lines(text) or {})}
    accept = dict.fromkeys(outcome.replace("reference", "like") for outcome in rule["accept"])
    return {"accept": list(accept), "like": rule["like"], "why": "a compressed source"}


def exception(raw):
    """What we deliberately do otherwise than the reference with this input: a sidecar for reference.py, or None."""
    content = unpacked(raw)
    if content is not None:
        return of_packed(content)
    try:
        return of_lines(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def write(folder, name, content):
    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    (folder / f"{name}.json").write_bytes(raw)
    rule = exception(raw)
    if rule:
        (folder / f"{name}.expect").write_text(json.dumps(rule), "utf-8")
