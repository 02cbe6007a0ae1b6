"""Numbers with a fraction or an exponent that are hard to round: every text is JSON, and Python's float rounds it right."""
import decimal
import math
import struct

# Enough digits for the exact value of any double, and of the middle between two.
EXACT = decimal.Context(prec=1200, Emin=-10_000, Emax=10_000)


def double(rng):
    """A finite positive double of random bits, subnormal once in eight."""
    bits = rng.getrandbits(63)
    if rng.random() < 0.125:
        bits &= (1 << rng.randrange(1, 53)) - 1
    number, = struct.unpack("<d", bits.to_bytes(8, "little"))
    return number if math.isfinite(number) else double(rng)


def printed(rng):
    """A double with 1 to 40 digits, or as few as tell it apart."""
    number = double(rng)
    return rng.choice([repr(number), f"{number:.{rng.randrange(40)}e}", f"{number:.16e}"])


def spelled(rng, number):
    """A decimal number, exactly, in one of the ways to write it."""
    digits, exponent = "".join(map(str, number.as_tuple().digits)), number.as_tuple().exponent
    way = rng.randrange(4)
    if way == 0 and -400 < exponent < 400:
        return f"{number:f}" if exponent < 0 else f"{number:f}.0"
    if way == 1:
        return f"{digits}{rng.choice('eE')}{exponent:+}"
    shift = rng.randrange(len(digits)) + 1 if way == 2 else 1
    return f"{digits[:shift]}.{digits[shift:] or '0'}e{exponent + len(digits) - shift}"


def halfway(rng):
    """The middle between two neighbouring doubles: exactly, a hair beside it, or cut to some digits."""
    low = double(rng)
    high = math.nextafter(low, math.inf)
    if math.isinf(high):
        return "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207e210"
    middle = EXACT.divide(EXACT.add(decimal.Decimal(low), decimal.Decimal(high)), decimal.Decimal(2))
    sign, digits, exponent = middle.as_tuple()
    way = rng.randrange(4)
    if way == 1:
        digits = digits[:rng.randrange(15, 41)]
        exponent += len(middle.as_tuple().digits) - len(digits)
    if way == 2:
        zeros = rng.randrange(30)
        digits, exponent = (*digits, *[0] * zeros, 1), exponent - zeros - 1
    middle = decimal.Decimal((sign, digits, exponent))
    if way == 3:
        middle = EXACT.subtract(middle, decimal.Decimal((0, (1,), exponent)))
    return spelled(rng, middle)


def at_the_ends(rng):
    """Around the largest double, the smallest normal one and zero."""
    digits = str(rng.randrange(1, 10 ** rng.randrange(1, 25)))
    end = rng.choice([308, 309, -307, -308, -323, -324, -325, -343, 400, -400])
    return f"{digits[0]}.{digits[1:] or '0'}e{end - rng.randrange(2)}"


def power_of_ten(rng):
    exponent = rng.randrange(-345, 311)
    way = rng.randrange(3)
    if way == 0:
        return f"{rng.randrange(1, 10)}e{exponent}"
    if way == 1:
        return f"1{'0' * exponent}.0" if exponent >= 0 else f"0.{'0' * (-exponent - 1)}1"
    return f"{rng.choice(['9' * rng.randrange(1, 30), '1' + '0' * rng.randrange(30) + '1'])}e{exponent}"


def around_words(rng):
    """Digits that just fit or just miss 53 and 64 bits."""
    number = 2 ** rng.choice([52, 53, 54, 63, 64, 65]) + rng.randrange(-3, 4)
    return f"{number}{rng.choice(['.0', 'e0', '.5', '.50000000000000000001', 'e-3', 'e22', 'E+23', '.4999999999999999'])}"


def long_digits(rng):
    """More digits than anybody keeps, zeros before and behind."""
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice([17, 18, 19, 20, 21, 25, 40, 100, 400, 800])))
    point = rng.randrange(1, len(digits))
    whole = digits[:point].lstrip("0") or "0"
    return f"{whole}.{digits[point:]}{rng.choice(['', '', 'e-300', 'e+250', 'e-007', 'E5'])}"


KINDS = {printed: 6, halfway: 6, at_the_ends: 2, power_of_ten: 2, around_words: 1, long_digits: 2}


def text(rng):
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    return rng.choice(["", "", "-"]) + kind(rng)
