# SPDX-License-Identifier: Apache-2.0
"""codec/toml against Python's tomllib: the fuzz corpus, mutations of it, and made-up documents.

Both readers must take the same texts and find the same values in the same order, apart from what
ours refuses by design: dates and times, U+0000, numbers out of range, and its limits.
"""
import datetime
import json
import random
import struct
import subprocess

import pytest

from conftest import BUILD, SOURCE

tomllib = pytest.importorskip("tomllib")
PROBE = BUILD / "tests" / "toml_probe"
CORPUS = sorted((SOURCE / "tests" / "fuzz" / "corpus" / "toml").iterdir())
BY_DESIGN = ("dates and times", "U+0000", "out of range", "more than 24 parts", "too many",
             "deeper than")


def ours(documents):
    data = b"".join(struct.pack("<I", len(d)) + d for d in documents)
    done = subprocess.run([PROBE], input=data, capture_output=True, check=True, timeout=120)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(documents)
    return answers


def as_ours(value):
    """A tomllib value in the probe's form; dates raise."""
    if isinstance(value, dict):
        return {"table": [[k, as_ours(v)] for k, v in value.items()]}
    if isinstance(value, list):
        return [as_ours(v) for v in value]
    if isinstance(value, float):
        return {"f": repr(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        raise OverflowError("a date")
    return value


def theirs(document):
    try:
        return as_ours(tomllib.loads(document.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return None


def compare(documents):
    """How many both took."""
    taken = 0
    for document, answer in zip(documents, ours(documents)):
        try:
            expected = theirs(document)
        except OverflowError:
            assert "error" in answer, document
            continue
        if "error" in answer:
            assert answer["error"].startswith("doc:"), answer
            assert expected is None or any(w in answer["error"] for w in BY_DESIGN), \
                (document, answer)
        elif "deep" not in answer:
            assert answer == expected, (document, answer, expected)
            taken += 1
    return taken


def test_corpus():
    documents = [p.read_bytes() for p in CORPUS]
    assert compare(documents) >= 30


def test_mutations():
    chance = random.Random(7)
    seeds = [p.read_bytes() for p in CORPUS if not p.name.startswith("bad")]
    letters = b"ab01_-+.[]{}=,'\"\\#\n\t xeEnu\r"
    documents = []
    for _ in range(30000):
        text = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(text))
            kind = chance.random()
            if kind < 0.4:
                text[at:at] = bytes([chance.choice(letters)])
            elif kind < 0.7:
                del text[at:at + chance.randint(1, 3)]
            elif kind < 0.85:
                text[at:at + 1] = bytes([chance.choice(letters)])
            else:
                text += b"\n" + chance.choice(seeds)
        documents.append(bytes(text))
    taken = compare(documents)
    print(f"{taken} of {len(documents)} mutated documents taken by both, with the same values")
    assert taken > 3000


def test_tables():
    """Random sequences of headers and dotted keys: what may follow what."""
    chance = random.Random(8)
    documents = []
    for _ in range(30000):
        lines = []
        for _ in range(chance.randint(2, 6)):
            path = ".".join(chance.choice("abc") for _ in range(chance.randint(1, 3)))
            value = chance.choice(["1", "{}", "[]", "[{}]", "{a = 1}", "{a.b = 1, a.c = 2}"])
            lines.append(chance.choice([f"[{path}]", f"[[{path}]]", f"{path} = {value}"]))
        documents.append("\n".join(lines).encode())
    taken = compare(documents)
    print(f"{taken} of {len(documents)} table sequences taken by both, with the same values")
    assert taken > 3000
