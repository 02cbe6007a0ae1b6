"""Where we deliberately do otherwise than the reference: the rules, and the sidecars that tell reference.py.

A blank line is skipped and a byte order mark at the start is stripped, so that a file of white space is an empty frame.
A file whose first line is no record is taken if it is one JSON document. What the reference takes by accident only may be
refused.
"""
import json
import re


def is_record(line):
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def documents(text):
    """The records of one document (an array of them, or objects one behind the other), each put on a line; None when the
    text is not that."""
    decode, space, records = json.JSONDecoder().raw_decode, re.compile(r"[ \t\r\n]*"), []
    array = re.match(r"[ \t\r\n]*\[", text)
    if array and re.match(r"[ \t\r\n]*\][ \t\r\n]*$", text[array.end():]):
        return []
    try:
        at = space.match(text, array.end() if array else 0).end()
        while at < len(text):
            if not array and text[at] != "{":
                return None
            _, end = decode(text, at)
            records.append(re.sub("[\r\n]", " ", text[at:end]))
            at = space.match(text, end).end()
            if array and text[at:at + 1] == ",":
                at = space.match(text, at + 1).end()
            elif array:
                return records if text[at:at + 1] == "]" and not text[at + 1:].strip(" \t\r\n") else None
    except (ValueError, RecursionError):
        return None
    return None if array else records


def judgement(lines):
    """Why it is sensible to refuse records which the reference takes, if it is."""
    values = [json.loads(line) for line in lines]
    kind = next((k for k in (dict, list) if values and isinstance(values[0], k)), None)
    if any(isinstance(v, (dict, list)) if kind is None else not isinstance(v, kind) for v in values):
        return "lines of different kinds pass by accident only"
    if kind is dict and any(key.endswith("\0") for v in values for key in v):
        return "a NUL at the end of a key cannot be stored in a label"
    return None


def exception(raw):
    """What we deliberately do otherwise than the reference with this input: a sidecar for reference.py, or None."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))
    records = [line for line in lines if line.strip(" \t")]
    if not all(map(is_record, records)):
        found = None if is_record(records[0]) else documents(text.removeprefix("\ufeff"))
        if found is None:
            return None
        why = judgement(found)
        accept = ["refuse", "like"] if why else ["like"]
        return {"accept": accept, "like": found, "why": why or "one document, by its first line"}
    why = judgement(records)
    if text.startswith("\ufeff") or records != (lines[:-1] if lines[-1] == "" else lines):
        accept = ["refuse", "like"] if why else ["like"]
        return {"accept": accept, "like": records, "why": why or "a byte order mark or blank lines"}
    return why and {"accept": ["refuse", "reference"], "why": why}


def write(folder, name, content):
    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    (folder / f"{name}.json").write_bytes(raw)
    rule = exception(raw)
    if rule:
        (folder / f"{name}.expect").write_text(json.dumps(rule), "utf-8")
