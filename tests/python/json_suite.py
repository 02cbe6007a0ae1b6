"""What JSON parsers are known to disagree on, kind by kind as in the public JSONTestSuite (RFC 8259 says yes, no, or
leaves it open): numbers, strings, lists, objects, structures, encodings.

Each text is tried as a line by itself and as a value in an object, each string also as a key. What is right is what the
reference does, never what stands here.
"""

NUMBERS = {
    "yes": """0 -0 7 -1 -23 123456789 0.5 -0.5 0.0 -0.0 123.456789 0e1 0e+1 0e-1 0E0 1e5 1E5 1e+5 1E+5 1e-5 1E-5 1.5e3
        1.5E+3 1.5e-3 20e1 -1e2 123.456e78 1e00 1e005 1e-005 0.00000000000000000001
        -0.000000000000000000000000000000000000001 1.000000000000000000000000000000000000000000001
        100000000000000000000 0.1e1 10.01""",
    "no": """+1 ++1 +0 -01 00 01 -00 012 0_1 1_000 .5 -.5 .5e-3 .-1 5. -5. 1.e1 2.e+3 2.e-3 0.e1 9.e+ 1.0. 1.0.0 0.1.2 1..2
        1e 1E 1e+ 1E- 1.0e 1.0e+ 1.0e- 0.3e 0.3e+ 0e 0e+ 0E 0E+ 1eE2 1ee2 1e1.5 1e+-2 1e1e1 e5 -e5 E -- - + .
        -. 1- 1+ 1+2 1-2 0x1 0X1 0x42 0b1 0o7 1f 1L 1n 1.5f 1a 1.2a -1x -foo 1.8011670033376514H-308 １ 1１ -１ ١
        Inf inf -Inf +Infinity infinity -infinity INFINITY nan -nan -NaN +NaN Nan NAN NaN1 1NaN Infinity1
        -Infinityx 1/2 1,5 1'000 $1 1% 0x 1e0x1 -0x1 −1 1e−1 1e٣ ½ ² ∞""",
    "open": """1e999 -1e999 1e9999999999999999999999 -1e+9999999999999999999999 1e-999 -1e-999
        0.4e00669999999999999999999999999999 123.456e-789 1.5e+9999 123123e100000 -123123e100000
        18446744073709551616 -9223372036854775809 100000000000000000000000000
        -237462374673276894279832749832423479823246327846 NaN Infinity -Infinity 2.2250738585072011e-308""",
}
STRINGS = {
    "yes": [
        '""', '"a"', '" "', '"asd "', r'"\"\\\/\b\f\n\r\t"', r'"\u0041\u00e9\u4e2d"', r'"\\a"', r'"\\n"', r'"\\\\"',
        r'"\/"', '"/"', r'"a/*b*/c//d"', r'"\u0000"', r'"\u0012\u001f"', r'"\u005C\u0022\u002F"', r'"\uD834\uDD1E"',
        r'"\ud83d\ude39\ud83d\udc8d"', r'"\uDBFF\uDFFE"', r'"new\u000Aline"', r'"\uFFFF"', r'"\uFDD0\uFFFE"',
        r'"\uD83F\uDFFE"', r'"\u200B\u2064\u2060"', r'"\u00A0"', r'"\u2028\u2029"', '"\u2028"', '"\u2029"',
        '"\u00a0"', '"\x7f"', '"a\x7fa"', '"π"', '"€𝄞"', '"⍂㈴⍂"', '"鉼"', '"\uffff"', '"\ufffe"', '"\ufdd0"',
        '"\U0010ffff"', '"\U0001bfff"', '"\U0001fffe"', '"\u0080"', '"\u07ff"', '"\u0800"', '"\ud7ff"', '"\ue000"',
        '"\U00010000"', r'"\u0061\u30af\u30EA\u30b9"', r'"\uABCD\uabcd\uAbCd"', '"\x85\u200e\u202e"',
        '"' + "long " * 3000 + '"', '"' + r"\\" * 1000 + '"',
    ],
    "no": [
        '"', '"a', "a", "'a'", "'", '"""', r'"\"', '"\\', r'"\x00"', r'"\0"', r'"\a"', r'"\v"', r'"\e"', r'"\'"',
        r'"\ "', r'"\1"', r'"\U0041"', r'"\u"', r'"\u1"', r'"\u00"', r'"\u00A"', r'"\u00G0"', r'"\u 041"',
        r'"\u+041"', r'"\u-041"', r'"\u0x41"', r'"\u{41}"', r'"\u00_1"', '"\\u１２３４"', r'"\uD834\uDd"', r'"\uD800\u"',
        r'"\uD800\u1"', r'"\uD800\u1x"', r'"\uD800\uD800\x"', r'"\uD800\"', r'"\\\"', '"\\\t"', '"\\\x00"', '"\\😀"',
        '"\\é"', '"\t"', '"\n"', '"\r"', '"\0"', '"\x01"', '"\x1f"', '"\x08"', '"a\0b"', '"a" x', '"a"x', '""x',
        '"a""b"', r"\u0020", r'\u0020"a"', r"\n", "é", "“a”", '«a»', "`a`", '"a\' ', 'b"a"', 'u"a"', 'r"a"', '"\\u00',
        '"\\u0041', "\\", '\\"a\\"',
    ],
    "open": [
        r'"\uDADA"', r'"\uDEAD"', r'"\ud800abc"', r'"\uD888\u1234"', r'"\uD800\n"', r'"\uDd1ea"', r'"\uD800\uD800\n"',
        r'"\uDd1e\uD834"', r'"\uD834x\uDd1e"', r'"\udc00\udc00"', r'"\ud83d\ud83d\ude39"', r'"\ud83d\ude39\ude39"',
        r'"\uD800\u0041"', r'"\uDBFF\uE000"', r'"\uD800\\uDC00"', r'"x\uD800"', '"\\uD800é"',
    ],
}
LISTS = {
    "yes": [
        "[]", "[ ]", "[[]]", '[""]', "[null]", "[1, null]", "[null, 1, \"1\", {}]", " [1]", "[1] ", "[1,2,null,null]",
        "[[] ]", "[ [ ] , [ ] ]", "[false]", "[0]", "[\t]", "[1,[2,[3,[4]]]]", "[[[[[]]]]]", '["a","a"]',
        "[1,1.0,true]",
    ],
    "no": [
        "[1 true]", "[1 2]", "[1: 2]", "[1;2]", "[1],", "[1]]", "[1],[2]", "[,1]", "[,]", "[,,]", "[1,,2]", "[1,]",
        "[1,,]", "[ , ]", "[", "[1", "[1,", "[1,\n1", "[1,{", "[x", "[3[4]]", '["a', '["', '["a"', "[-]", "[*]",
        "[1,*]", '["a",\n4\n,1,', "[\v1]", "[\f]", "[\u00a01]", "]", "[}", "[)", "(1)", "[1}", "[{]", "[{}", "[[1]",
        "[\"a\" \"b\"]", "[<null>]", "[True]", "[nul]", "[1,\0]", "[...]", "[1 .. 2]", "[//]", "[1]//", "[1]#",
        "[/**/]", '["": 1]', "[a", "['a']", "[\\]", "[\x1a]",
    ],
    "open": [
        "[" * 480 + "]" * 480, "[" + ",".join(["1"] * 600) + "]",
    ],
}
OBJECTS = {
    "yes": [
        "{}", "{ }", '{"a":1}', '{"a":[]}', '{"a":"b","c":"d"}', '{"":0}', '{"a":"b","a":"c"}', '{"a":"b","a":"b"}',
        '{"a\\u0000b":1}', '{ "min": -1.0e+28, "max": 1.0e+28 }', '{"a": {"b": {"c": {}}}}',
        '{"\\u0061\\u30af":"\\u30EA"}', '{"x":[{"id":"%s"}],"id":"%s"}' % ("x" * 40, "y" * 40), '{\t"a"\t:\t1\t}',
        '{"a":1 ,"b":2 }', '{"NaN":null}', '{"__proto__":1}',
    ],
    "no": [
        '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a"}', '{"a" 1}', '{"a"::1}', '{"a",1}', '{"a";1}', '{"a"=1}',
        '{"a":1;"b":2}', '{:1}', '{,}', '{1:1}', "{null:1}", "{true:1}", "{[]:1}", "{{}:1}", "{a:1}", "{'a':1}",
        '{"a":\'b\'}', '{"a":1,}', '{"a":1,,}', '{"a":1,,"b":2}', '{,"a":1}', '{"a":1 "b":2}', '{"a":1}/**/',
        '{"a":1}//', '{"a":1}/', '{"a":1/*', '{"a":1}#', '{"a":1}x', '{"a":1}}', '{"a":1}]', '{"a":1}{', '{"a":a',
        '{"a":"', '{"a', '{"a":b}', '{"a":[}', '{"a":[1}', '{"a":{}', "{", "}", "{]", '{"a":/*x*/1}',
        "{\U0001f1e8\U0001f1ed}", "{9999E9999:1}", '{"a":null,null}', '{null:null,null:null}', '{"a" b}', '{"a":}',
        '{"a":,}', '{"a":1,b}', '{"a":1,"b"}', '{"a":1,"b":}', '{"a":1,1}', '{""}', '{"a": "b" "c"}',
        '{"a": undefined}', '{"\t":1}', '{"a\n":1}', '{"\\x":1}', '{"a":1,...}', "{*}", "{\"a\":1)", "<a>", "{'a'}",
        '{"a":\0}',
    ],
    "open": [
        '{"\\uDFAA":0}', '{"a\\ud800":0}', '{"a\\u0000":1}', '{"k":' * 240 + "1" + "}" * 240, '{"a":{"\\uDFAA":0}}',
        '{"a\\u0000":1,"a":2}',
    ],
}
STRUCTURES = {
    "yes": [
        "null", "true", "false", "42", "-0.1", '"asd"', "true ", " true", "\ttrue\t", "[true]", "[]\n", " []",
        "null\n\n",
    ],
    "no": [
        "nul", "tru", "fals", "n", "t", "f", "N", "Nul", "Null", "NULL", "True", "TRUE", "False", "None", "nullx",
        "truetrue", "null null", "truefalse", "t rue", "*", "#", "<", "<null>", "<.>", "[<null>]", "@", "&", "å",
        "aé", "\u2060", "[\u2060]", "\f", "[\f]", "[]\f", "\v", "\0", "[\0]", "null\0", "1]", "[][]", "][", "}{",
        "{}{}", "[]{}", "{}[]", "[{", "[{\"a\":[", "{[", '{"', "{'", '{"a":"a', "[\"", '["a', "[true", "[fals",
        "[nul", "[1,", "{,", '{"a":"b"}#{}', "[1]x", "2@", "1 x", "/", "//", "/*", "/**/", "/**/1", "1/**/", "#1",
        "1#", "undefined", "void 0", "new Date()", "function(){}", "()", "\\", "'", "\"\\", "%", "$", "~", "..", "…",
        "--", "==", "yes", "no", "on", "nil", "NA", "N/A", "-", "?",
    ],
    "open": [
        "\ufeff{}", "\ufeff[]", "\ufeff1", "[" * 100_000, "[" * 100_000 + "]" * 100_000, '[{"":' * 50_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
}
ENCODINGS = {
    "no": [
        b"\xff", b"\xfe\xff", b"[\xff]", b"1\xe5", b"1e1\xe5", b"0\xe5", b"1e\xe5", b'"\xff"', b'"\xe9"', b'"\x80"',
        b'"\xbf"', b'"\x81"', b'"a\x80b"', b'"\xc3"', b'"\xc3a"', b'"\xe4\xb8"', b'"\xe4\xb8a"', b'"\xf0\x9f\x98"',
        b'"\xe0\xff"', b'"\xc0\xaf"', b'"\xc1\xbf"', b'"\xe0\x80\xaf"', b'"\xe0\x9f\xbf"', b'"\xf0\x80\x80\xaf"',
        b'"\xf0\x8f\xbf\xbf"', b'"\xf8\x88\x80\x80\x80"', b'"\xfc\x83\xbf\xbf\xbf\xbf"',
        b'"\xfc\x80\x80\x80\x80\x80"', b'"\xfe"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xed\xbf\xbf"',
        b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xf7\xbf\xbf\xbf"',
        b'"\\u\xe5"', b'"\\\xe5"', b'"\\u00\xe5\xe5"', b'"\xe6\x97\xa5\xd1\x88\xfa"', b"a\xe5", b"\xe5",
        b'{"\xb9":"0",}', b'{"\xff":1}', b"\xef\xbb{}", b"\xef\xbb", b"{}\xff", b"{}\n\xff", b"[\x80]", b"\x80",
        '"é"'.encode("latin-1"), '"é"'.encode("cp850"), '"あ"'.encode("shift_jis"), '"中"'.encode("gb18030"),
        '"й"'.encode("koi8-r"), '["é"]'.encode("utf-16"), '["é"]'.encode("utf-16-le"), '["é"]'.encode("utf-16-be"),
        '{"a":1}'.encode("utf-16"), "1".encode("utf-16-le"), '"a"'.encode("utf-32"), "[]".encode("utf-32-be"),
        '{"a":1}'.encode("utf-32-le"), '"+AOk-"'.encode("utf-7")[:-2], '{"a":1}\n'.encode("cp037"),
        b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"SQLite format 3\0", b"PAR1",
        b"ARROW1\0\0", b"\x28\xb5\x2f\xfd", b"\x7fELF", b"\x04\x22\x4d\x18",
    ],
    "yes": [
        '"é"'.encode(), '"\u07ff\u0800\uffff\U00010000\U0010ffff"'.encode(), b'"\xed\x9f\xbf\xee\x80\x80"',
        b'"\xf4\x8f\xbf\xbf"', b'"\xc2\x80"', b'"\xe0\xa0\x80"', b'"\xf0\x90\x80\x80"', b'"\xef\xbb\xbf"',
        b'"\xef\xbf\xbd"', b'"+AOk-"',
    ],
}


KINDS = {
    "number": NUMBERS, "string": STRINGS, "list": LISTS, "object": OBJECTS, "structure": STRUCTURES,
    "encoding": ENCODINGS,
}


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def texts():
    """Each text as (name, bytes)."""
    for kind, table in KINDS.items():
        for verdict, found in table.items():
            for number, text in enumerate(found.split() if isinstance(found, str) else found):
                yield f"{kind}-{verdict}-{number:03}", as_bytes(text)


def cases():
    for name, text in texts():
        yield f"json-{name}-line", text + b"\n"
        yield f"json-{name}-value", b'{"v":' + text + b"}\n"
        if name.startswith(("string", "encoding")):
            yield f"json-{name}-key", b"{" + text + b":1}\n"
