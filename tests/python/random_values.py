"""Random JSON values and records as text, in every spelling that JSON allows. random_cases.py makes files of them."""
import json
import struct

WORDS = [
    "alpha", "Beta", "γάμμα", "дельта", "中文", "한글", "שלום", "😀", "e\u0301", "", " ", "tab\t", "line\nbreak", 'quote"',
    "back\\slash", "/", "nan", "None", "null", "true", "1", "2.5", "2020-01-01T00:00:00Z", "\u2028", "\0", "z\0",
    "\x7f", "\ufeff", "\uffff", "\U0010ffff", "{}", "[1]", "ß",
]
KEYS = [
    "id", "name", "value", "a", "b", "c", "é", "e\u0301", "中", "😀", "with space", "dot.ted", "sl/ash", "", " ", "0",
    "1", "nan", "index", "axis0", "A", 'q"', "\\", "\t", "n\0l", "k" * 80,
]
HARD_FLOATS = [
    "-0.0", "0.0", "1E5", "1e+5", "1e-5", "-1.5E+03", "1e400", "-1e400", "1e-400", "5e-324", "1.7976931348623157e308",
    "9007199254740993.0", "1e23",
]


class Values:
    """Random values as JSON text, one method a kind."""

    def __init__(self, rng):
        self.rng = rng
        self.spaced = rng.random() < 0.3

    def small(self):
        return str(self.rng.randrange(-1000, 1000))

    def integer(self):
        return str(self.rng.choice([1, -1]) * self.rng.getrandbits(self.rng.randrange(1, 64)))

    def edge(self):
        return str(self.rng.choice([2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), self.rng.randrange(-(2**63), 2**63)]))

    def unsigned(self):
        return str(self.rng.choice([2**63, 2**64 - 1, self.rng.randrange(2**63, 2**64)]))

    def huge(self):
        larger = 2**64 + self.rng.getrandbits(self.rng.randrange(65, 400))
        return str(self.rng.choice([2**64, -(2**63) - 1, larger, -larger]))

    def decimal(self):
        rng = self.rng
        return repr(rng.choice([rng.uniform(-1, 1), rng.gauss(0, 1e6), round(rng.uniform(-100, 100), rng.randrange(4))]))

    def whole(self):
        return f"{self.rng.randrange(-50, 50)}.0"

    def float_bits(self):
        """Any finite double, in one of several spellings, some with more digits than it has."""
        number = float("inf")
        while number - number != 0:
            number, = struct.unpack("<d", self.rng.randbytes(8))
        return self.rng.choice([repr(number), f"{number:.17e}", f"{number:.30e}", f"{number:.5E}"])

    def float_spelling(self):
        rng = self.rng
        return rng.choice([
            rng.choice(HARD_FLOATS),
            f"{rng.randrange(9)}.{rng.randrange(10**16)}5",
            f"{rng.randrange(1, 10**17)}e{rng.randrange(-320, 290)}",
            f"0.{'0' * rng.randrange(300)}{rng.randrange(1, 10**18)}",
        ])

    def special(self):
        return self.rng.choice(["NaN", "Infinity", "-Infinity"])

    def boolean(self):
        return self.rng.choice(["true", "false"])

    def null(self):
        return "null"

    def text(self):
        rng, form = self.rng, self.rng.randrange(4)
        if form == 0:
            return self.quoted("".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 4))))
        if form == 1:
            scripts = [range(32, 127), range(0xA0, 0x800), range(0x4E00, 0x9FFF), range(0x1F300, 0x1F600)]
            return self.quoted("".join(chr(rng.choice(rng.choice(scripts))) for _ in range(rng.randrange(12))))
        if rng.random() < 0.1:
            return self.quoted("x" * rng.choice([1, 63, 255, 256, 257, 5000]))
        return self.quoted(f"v{rng.randrange(100)}")

    def word(self):
        return f'"w{self.rng.randrange(5)}"'

    def quoted(self, text):
        """A text in one of JSON's many spellings."""
        way = self.rng.random()
        if way < 0.8:
            return json.dumps(text, ensure_ascii=way < 0.3)
        return '"' + "".join(self.escaped(c) for c in text) + '"'

    def escaped(self, character):
        if character in '"\\':
            return "\\" + character
        if ord(character) >= 32 and self.rng.random() < 0.7:
            return self.rng.choice(["/", "\\/"]) if character == "/" else character
        units = character.encode("utf-16-be").hex()
        return "".join("\\u" + self.rng.choice([str.lower, str.upper])(units[i:i + 4]) for i in range(0, len(units), 4))

    def space(self):
        return self.rng.choice(["", "", " ", "  ", "\t"]) if self.spaced else ""

    def leaf(self):
        numbers = [self.small, self.integer, self.edge, self.unsigned, self.huge, self.decimal, self.whole]
        return self.rng.choice(numbers + [self.float_spelling, self.special, self.boolean, self.text, self.null])()

    def nested(self, depth=0):
        size = self.rng.choice([0, 1, 1, 2, 3, 5])
        items = [self.nested(depth + 1) if depth < 4 and self.rng.random() < 0.3 else self.leaf() for _ in range(size)]
        if self.rng.random() < 0.5:
            return "[" + ",".join(self.space() + item for item in items) + self.space() + "]"
        return self.object((self.rng.choice(KEYS), item) for item in items)

    def object(self, pairs):
        s = self.space
        return "{" + ",".join(s() + self.quoted(key) + s() + ":" + s() + value + s() for key, value in pairs) + "}"

    def lines(self, records):
        """The records with line ends, of one kind mostly, the last one often left out."""
        ends = [self.rng.choice(["\n"] * 12 + ["\r\n"] * 4 + ["\r"])] if self.rng.random() < 0.95 else ["\n", "\r\n", "\r"]
        padded = [self.space() + record + self.space() + self.rng.choice(ends) for record in records]
        text = "".join(padded)
        return (text if self.rng.random() < 0.8 else text.rstrip("\r\n")).encode()
