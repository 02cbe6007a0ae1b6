"""Rows and columns: the kinds of lines and their mixtures, the order of columns, keys and their duplicates."""

# The kinds of lines. The first line decides; what may follow is the reference's matter.
FIRST = {
    "object": '{"a":1}', "empty-object": "{}", "list": '[1,"x"]', "empty-list": "[]", "null": "null", "true": "true",
    "int": "9007199254740993", "huge": "18446744073709551616", "text": '"abc"',
}
THEN = {
    **FIRST, "NaN": "NaN", "negative": "-1", "uint": "9223372036854775808", "float": "0.5", "list-of-pairs": '[["b",2]]',
    "list-of-two-letters": '["bc"]', "list-of-object": '[{"a":1}]', "two-letters": '"bc"', "empty-text": '""',
}
OBJECTS = {
    "empty": "{}\n{}\n{}\n", "one-empty": "{}\n", "first-empty": '{}\n{"a":1}\n', "last-empty": '{"a":1}\n{}\n',
    "in-order-of-appearance": '{"b":1}\n{"a":2,"b":3}\n{"c":4,"a":5}\n',
    "key-order-varies": '{"a":1,"b":2}\n{"b":3,"a":4}\n',
    "key-order-reversed-many": "".join(
        "{%s}\n" % ",".join('"k%d":%d' % (i,
            i) for i in (range(50) if row % 2 else reversed(range(50)))) for row in range(4)
    ),
    "key-appears-late": '{"a":1}\n' * 300 + '{"a":1,"late":"x"}\n',
    "key-only-first": '{"a":1,"b":"x"}\n' + '{"a":1}\n' * 300, "type-changes-late": '{"a":1}\n' * 300 + '{"a":"x"}\n',
    "null-late": '{"a":true}\n' * 300 + '{"a":null}\n',
    "float-late": '{"a":9007199254740993}\n' * 300 + '{"a":0.5}\n', "list-late": '{"a":"x"}\n' * 300 + '{"a":[1]}\n',
    "disjoint-keys": "".join('{"k%d":%d}\n' % (i, i) for i in range(300)),
    "null-line-late": '{"a":1}\n' * 300 + "null\n", "bad-line-late": '{"a":1}\n' * 300 + '{"a":1]\n',
    "mixed-kind-late": '{"a":1}\n' * 300 + "[1]\n",
}
LISTS = {
    "equal": '[1,"a"]\n[2,"b"]\n', "ragged": '[1]\n[2,"b",true]\n[]\n', "empty": "[]\n[]\n", "one-empty": "[]\n",
    "padded-text": '["a","b"]\n["c"]\n', "padded-bool": "[1,true]\n[2]\n", "padded-only-nulls": "[1,null]\n[2]\n",
    "nested": '[[1,2],{"a":1}]\n[[3],{}]\n', "padded-float": "[1,0.5]\n[2]\n[3,NaN]\n", "first-empty": "[]\n[1,2]\n",
    "wider-late": "[1]\n" * 300 + '[1,"x",true,18446744073709551616,[2]]\n',
    "narrower-late": "[1,true]\n" * 300 + "[1]\n", "padded-int-above-2-to-53": "[1,9007199254740993]\n[2]\n",
    "padded-uint": "[1,18446744073709551615]\n[2]\n", "padded-huge": "[1,18446744073709551616]\n[2]\n",
    "of-nulls": "[null,null]\n[null]\n", "of-NaN": "[NaN]\n[null]\n",
    "wide": "[%s]\n" % ",".join(map(str, range(2000))), "of-objects": '[{"a":1}, {"b":[2]}]\n[{"a":null}]\n',
    "long-then-number": "[1]\n" * 300 + "1\n",
}
SCALARS = {
    "one-null": "null\n", "null": "null\nnull\n", "one-text": '"a"\n', "bool": "true\nfalse\n",
    "bool-null": "true\nnull\n", "mixed": '1\n"a"\ntrue\n', "specials": "NaN\nInfinity\n-Infinity\n",
    "NaN-null": "NaN\nnull\n", "null-NaN": "null\nNaN\n", "int-late-null": "9007199254740993\n" * 300 + "null\n",
    "text-late-number": '"a"\n' * 300 + "1\n", "uint": f"{2**64 - 1}\n0\n", "uint-negative": f"{2**63}\n-1\n",
    "huge-null": f"{2**64}\nnull\n", "null-huge": f"null\n{2**64}\n", "floats": "1\n2.5\n-0.0\n",
}
KEYS = {
    "empty": '{"":1}\n', "space": '{" ":1,"  ":2}\n', "case": '{"a":1,"A":2,"ä":3,"Ä":4}\n',
    "NFC-and-NFD": '{"é":1,"e\u0301":2}\n', "long": '{"%s":1}\n' % ("k" * 70_000),
    "long-and-short": '{"%s":1,"a":"x","b":[]}\n' % ("é" * 300),
    "numbers": '{"0":1,"1":2,"1.5":3,"-1":4,"1e5":5,"01":6}\n',
    "words": '{"true":1,"null":2,"False":3,"[]":4,"{}":5}\n',
    "like-paths": '{"a/b":1,"../x":2,"/abs":3,".":4,"":5,"block0_values":6,'
    '"axis0":7,"index":8,"axis1":9,"/":10,"..":11}\n',
    "like-names": '{"_i_table":1,"values_block_0":2,"table":3,"data":4,"/data":5,'
    '"CLASS":6,"pandas_type":7,"__class__":8}\n',
    "nan-text": '{"nan":1,"NaN":2,"None":3,"NaT":4,"<NA>":5}\n', "nan-among-text-columns": '{"nan":"x","b":"y"}\n',
    "nan-alone": '{"nan":1}\n', "nan-text-alone": '{"nan":"x"}\n',
    "dates": '{"2020-01-01":1,"2020-01-01T00:00:00Z":2}\n',
    "any-character": '{" ":1,"é":2,"中":3,"😀":4,"q\\"":5,"b\\\\s":6,"\\t":7,"\\n":8,"\u2028":9,"\ufeff":10,"\x7f":11}\n',
    "escapes": '{"\\u0061":1,"\\u00e9":2,"\\ud83d\\ude00":3,"\\/":4,"\\b\\f\\r":5,"\\u001f":6}\n',
    "escaped-later": '{"a":1}\n{"\\u0061":2}\n',
    "noncharacters": '{"\ufffe":1,"\uffff":2,"\U0010ffff":3,"\ufffd":4,"\ue000":5}\n',
    "rtl": '{"שלום":1,"مرحبا":2,"\u202eabc":3}\n', "trailing-NUL": '{"a\\u0000":1,"b":2}\n',
    "trailing-NUL-clash": '{"a\\u0000":1,"a":2}\n', "only-NUL": '{"\\u0000":1}\n', "NUL-inside": '{"a\\u0000b":1}\n',
    "NUL-first": '{"\\u0000a":1,"a":2}\n', "trailing-NUL-later": '{"a":1}\n{"b\\u0000":2}\n',
    "trailing-space": '{"a ":1,"a":2,"a\\t":3}\n', "prefixes": '{"a":1,"aa":2,"aaa":"x","aaaa":[]}\n',
    "of-each-length": "{%s}\n" % ",".join('"%s":%d' % ("k" * n, n) for n in (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32,
        33, 63, 64, 65, 255, 256)),
    "surrogate": '{"\\udfff":1}\n', "surrogate-later": '{"a":1}\n{"a":2,"\\ud800":3}\n',
    "surrogate-inside": '{"a":{"\\ud800":1}}\n',
}
DUPLICATES = {
    "last-wins": '{"a":1,"b":2,"a":3}\n{"b":4,"a":5}\n', "adjacent": '{"a":1,"a":2}\n',
    "three-times": '{"a":1,"a":"x","a":[3]}\n', "nested": '{"a":{"x":1,"y":2,"x":3}}\n',
    "nested-twice": '{"a":{"x":{"y":1,"y":2},"x":{"y":3,"y":4}}}\n', "escaped": '{"a":1,"\\u0061":"x"}\n',
    "changes-type": '{"a":"x","a":1}\n{"a":2}\n', "changes-type-back": '{"a":1}\n{"a":"x","a":2}\n',
    "empty-key": '{"":1,"":2}\n', "bad-first": '{"a":01,"a":2}\n',
    "huge-then-int": '{"a":18446744073709551616,"a":1}\n',
    "null-then-int": '{"a":9007199254740993}\n{"a":null,"a":9007199254740993}\n',
    "negative-then-uint": '{"a":-1,"a":9223372036854775808}\n', "surrogate-then-text": '{"a":"\\ud800","a":"x"}\n',
    "text-then-surrogate": '{"a":"x","a":"\\ud800"}\n', "list-then-text": '{"a":[1],"a":"x"}\n{"a":"y"}\n',
    "in-the-first-row-only": '{"a":"x","a":1}\n' + '{"a":2}\n' * 50,
    "in-the-last-row-only": '{"a":1}\n' * 50 + '{"a":"x","a":2}\n',
    "keeps-the-first-place": '{"a":1,"b":2,"c":3,"a":4,"c":5}\n', "in-each-row": '{"a":"x","b":1,"a":1.5}\n' * 50,
    "many": "{%s}\n" % ",".join(['"a":1', '"b":"x"'] * 500),
}


def cases():
    for first, line in FIRST.items():
        for then, other in THEN.items():
            yield f"rows-{first}-then-{then}", f"{line}\n{other}\n"
    tables = {"rows": OBJECTS, "lists": LISTS, "scalars": SCALARS, "keys": KEYS, "duplicates": DUPLICATES}
    for prefix, table in tables.items():
        for name, content in table.items():
            yield f"{prefix}-{name}", content
