"""Random JSON texts, good and damaged, for a parser: each is the bytes of one record.

Good ones come from random_values.py, damaged ones are good ones with bytes flipped, inserted, removed, spliced or cut
off. `sequences` adds every short text over small alphabets, which leaves nothing to chance.
"""
import itertools

from random_cases import DAMAGE
from random_values import Values

NUMBERS = ["0", "1", "-", "+", ".", "e"]
# Beside DAMAGE: pieces that make something else of what stands around them.
PIECES = [
    b"-", b"Infinity", b"-NaN", b"-Infinity", b"null", b"tru", b"false", b"e5", b"E-400", b".5", b"00", b"9" * 20, b"\\u",
    b"\\ud83d", b"\\ude00", b"\\\\", b'\\"', b'""', b"[]", b"{}", b'{"":', b"\xc3", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\x80",
]
TOKENS = ["{", "}", "[", "]", ",", ":", '"a"', "1", " "]


def document(rng):
    values = Values(rng)
    return rng.choice([values.nested, values.nested, values.leaf, values.text, values.float_spelling])().encode()


def placed(rng, text):
    """A record that holds the text: itself, in a list in an object, or as key."""
    way = rng.randrange(8)
    if way < 3:
        return text
    if way < 7:
        return b'{"v":[' + text + b"]}"
    return b"{" + (text if text.startswith(b'"') else b'"k"') + b":" + text + b"}"


def flip(rng, raw, at):
    raw[at] ^= 1 << rng.randrange(8)


def replace(rng, raw, at):
    raw[at] = rng.choice(b'"\\{}[]:,0123456789.eE+-truefalsn \t\r\n\0\x7f\x80\xbf\xc3\xe2\xed\xf0\xff')


def insert(rng, raw, at):
    raw[at:at] = rng.choice([rng.randbytes(1), rng.choice(DAMAGE), rng.choice(PIECES)])


def remove(rng, raw, at):
    del raw[at:at + rng.choice([1, 1, 1, 2, 5, 20])]


def cut_off(rng, raw, at):
    del raw[at:]


def splice(rng, raw, at):
    """A piece of another text, or of this one, in place of a piece."""
    other = rng.choice([bytes(raw), document(rng)])
    start = rng.randrange(len(other) + 1)
    raw[at:at + rng.choice([0, 0, 1, 5])] = other[start:start + rng.choice([1, 2, 5, 20, 100])]


MUTATIONS = {flip: 4, replace: 4, insert: 4, remove: 3, cut_off: 1, splice: 3}


def damaged(rng, text):
    raw = bytearray(text)
    for mutation in rng.choices(list(MUTATIONS), list(MUTATIONS.values()), k=rng.choice([1, 1, 1, 2, 3])):
        if raw:
            mutation(rng, raw, rng.randrange(len(raw)))
    return bytes(raw)


def record(rng):
    """One record, damaged more often than not, inside or as a whole."""
    text = document(rng)
    way = rng.random()
    if way < 0.3:
        return placed(rng, text)
    return placed(rng, damaged(rng, text)) if way < 0.7 else damaged(rng, placed(rng, text))


def sequences(length):
    """Every text of so many tokens at most, every escape, every byte in a text."""
    for alphabet, most in ((NUMBERS, length + 1), (TOKENS, length)):
        for size in range(1, most + 1):
            yield from ("".join(tokens).encode() for tokens in itertools.product(alphabet, repeat=size))
    for byte in range(256):
        character = bytes([byte])
        yield from (b'"' + character + b'"', b'"\\' + character + b'"', b'"\\u00' + character + b'0"', character)
    for lead in range(0xC0, 0x100):
        width = 2 + (lead >= 0xE0) + (lead >= 0xF0)
        for second in (0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0):
            yield b'"' + bytes([lead, second]) + b"\x80" * (width - 2) + b'"'
