#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes jwt_vectors.h: tokens made with Python's standard library alone (hmac, base64, json).

usage: make_jwt_vectors.py > jwt_vectors.h
"""
import base64
import hashlib
import hmac
import json

KEY = b"integration-test-signing-key!!!!"
NEWLINE_KEY = b"c2VjcmV0LXRoYXQtbG9va3MtbGlrZS1iYXNlNjQ=\n"
OTHER_KEY = b"another-key-another-key-another!"
NOW = 1800000000
HEADER = {"typ": "JWT", "alg": "HS256"}
KEYS = {"KEY": KEY, "NEWLINE_KEY": NEWLINE_KEY, "OTHER_KEY": OTHER_KEY}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sign(text, key):
    return b64(hmac.new(key, text.encode(), hashlib.sha256).digest())


def token(payload, key=KEY, header=None):
    """`payload` and `header` are values, or bytes taken as they stand."""
    head = HEADER if header is None else header
    head = head if isinstance(head, bytes) else compact(head)
    body = payload if isinstance(payload, bytes) else compact(payload)
    text = b64(head) + "." + b64(body)
    return text + "." + sign(text, key)


def claims(**more):
    base = {"sub": "alice", "scopes": ["gpu-read"]}
    base.update(more)
    return {k: v for k, v in base.items() if v is not ...}


def raw(payload_text):
    """A well-signed token around a payload that is not encoded."""
    text = b64(compact(HEADER)) + "." + payload_text
    return text + "." + sign(text, KEY)


GOOD = token(claims(exp=NOW + 3600))

# What both sides write alike: name, key, subject, scopes, exp, iat (None: absent).
ISSUED = [
    ("plain", KEY, "alice", ["gpu-read"], NOW + 3600, None),
    ("three groups", KEY, "alice", ["gpu-control", "gpu-read", "cpu-read"], NOW + 3600, NOW),
    ("order and repeats", KEY, "alice", ["cpu-read", "gpu-read", "cpu-read"], None, NOW),
    ("no groups", KEY, "alice", [], None, None),
    ("newline in key", NEWLINE_KEY, "bob", ["cpu-read"], NOW + 1, None),
    ("quotes and umlaut", KEY, "M\u00fcller \"x\" \\ \u20ac", ["gpu-read"], None, None),
    ("control characters", KEY, "a\tb\nc\x1f", ["gpu-read"], None, None),
]

# Verified only: name, token, code, words the message must hold.
TAKEN = [
    ("leeway to the second", token(claims(exp=NOW - 60))),
    ("exp null", token(claims(exp=None))),
    ("exp zero padded far future", token(claims(exp=2**64 - 1))),
    ("unknown claims", token(claims(nbf=NOW + 999, iss="x", jti={"a": [1, None]}, exp=NOW))),
    ("iat of another type", token(claims(iat="yesterday"))),
    ("aud null", token(claims(aud=None))),
    ("header order", token(claims(), header={"alg": "HS256", "typ": "JWT"})),
    ("header without typ", token(claims(), header={"alg": "HS256"})),
    ("header with kid", token(claims(), header={"alg": "HS256", "kid": "1", "x": [1, {"y": 2}]})),
    ("header in spaces", token(claims(), header=b' { "alg" : "HS256" } ')),
    ("payload in spaces", token(b'\n{ "scopes" : [ "gpu-read" ] , "sub" : "alice" }\n')),
    ("escaped names", token(b'{"s\\u0075b":"alice","scopes":["gpu\\u002dread"]}')),
    ("empty scopes", token(claims(scopes=[]))),
    ("empty subject", token(claims(sub=""))),
]
UNSIGNED = b64(compact({"typ": "JWT", "alg": "none"})) + "." + b64(compact(claims())) + "."
REFUSED = [
    ("expired", token(claims(exp=NOW - 61)), "ESTALE", "expired (61 s ago)"),
    ("expired long ago", token(claims(exp=1000000000)), "ESTALE", "expired"),
    ("exp zero", token(claims(exp=0)), "ESTALE", "expired"),
    ("expired and another key", token(claims(exp=0), OTHER_KEY), "EAUTH", "signature"),
    ("another key", token(claims(), OTHER_KEY), "EAUTH", "signature does not match"),
    ("key without its newline", token(claims(), NEWLINE_KEY[:-1]), "EAUTH", "signature"),
    ("empty", "", "EAUTH", "three parts"),
    ("garbage", "garbage", "EAUTH", "three parts"),
    ("two parts", ".".join(GOOD.split(".")[:2]), "EAUTH", "three parts"),
    ("four parts", GOOD + ".x", "EAUTH", "three parts"),
    ("dots", "..", "EAUTH", "header"),
    ("leading space", " " + GOOD, "EAUTH", "header"),
    ("trailing space", GOOD + " ", "EAUTH", "signature"),
    ("padding", GOOD + "=", "EAUTH", "signature"),
    ("none", UNSIGNED, "EAUTH", "algorithm is not HS256"),
    ("none in capitals", UNSIGNED.replace(b64(compact({"typ": "JWT", "alg": "none"})),
                                          b64(compact({"typ": "JWT", "alg": "None"}))),
     "EAUTH", "algorithm"),
    ("HS384", token(claims(), header={"alg": "HS384"}), "EAUTH", "algorithm"),
    ("RS256", token(claims(), header={"alg": "RS256"}), "EAUTH", "algorithm"),
    ("hs256", token(claims(), header={"alg": "hs256"}), "EAUTH", "algorithm"),
    ("alg number", token(claims(), header={"alg": 256}), "EAUTH", "algorithm"),
    ("alg list", token(claims(), header={"alg": ["HS256"]}), "EAUTH", "algorithm"),
    ("alg absent", token(claims(), header={"typ": "JWT"}), "EAUTH", "algorithm"),
    ("alg twice", token(claims(), header=b'{"alg":"HS256","alg":"none"}'), "EAUTH", "algorithm"),
    ("crit", token(claims(), header={"alg": "HS256", "crit": ["exp"]}), "EAUTH", "extensions"),
    ("header list", token(claims(), header=[1]), "EAUTH", "no JSON object"),
    ("header broken", token(claims(), header=b'{"alg":"HS256"'), "EAUTH", "no JSON object"),
    ("header and more", token(claims(), header=b'{"alg":"HS256"}x'), "EAUTH", "no JSON object"),
    ("header not UTF-8", token(claims(), header=b'{"alg":"HS256","\xff":1}'), "EAUTH",
     "no JSON object"),
    ("payload not base64", raw("not base64"), "EAUTH", "claims are not readable"),
    ("payload padded", raw("e30="), "EAUTH", "claims are not readable"),
    ("payload list", token([]), "EAUTH", "no JSON object"),
    ("payload string", token("x"), "EAUTH", "no JSON object"),
    ("payload empty", token(b""), "EAUTH", "no JSON object"),
    ("payload broken", token(b'{"sub":"alice","scopes":["gpu-read"]'), "EAUTH", "no JSON object"),
    ("payload and more", token(compact(claims()) + b"{}"), "EAUTH", "no JSON object"),
    ("sub absent", token(claims(sub=...)), "EAUTH", "sub is missing"),
    ("sub null", token(claims(sub=None)), "EAUTH", "sub is no string"),
    ("sub number", token(claims(sub=7)), "EAUTH", "sub is no string"),
    ("sub with U+0000", token(claims(sub="a\0b")), "EAUTH", "sub is too long or holds U+0000"),
    ("sub too long", token(claims(sub="x" * 1024)), "EAUTH", "sub is too long"),
    ("sub twice", token(b'{"sub":"a","sub":"b","scopes":[]}'), "EAUTH", "twice"),
    ("scopes absent", token(claims(scopes=...)), "EAUTH", "scopes is missing"),
    ("scopes null", token(claims(scopes=None)), "EAUTH", "scopes is no array"),
    ("scopes string", token(claims(scopes="gpu-read")), "EAUTH", "scopes is no array"),
    ("one unknown scope", token(claims(scopes=["gpu-read", "admin"])), "EAUTH", "unknown API group"),
    ("scope in capitals", token(claims(scopes=["GPU-READ"])), "EAUTH", "unknown API group"),
    ("scope number", token(claims(scopes=["gpu-read", 1])), "EAUTH", "something else than strings"),
    ("scope list", token(claims(scopes=[["gpu-read"]])), "EAUTH", "something else than strings"),
    ("scopes without end", token(claims(scopes=["gpu-read"] * 65)), "EAUTH", "too many"),
    ("exp float", token(claims(exp=NOW + 0.5)), "EAUTH", "exp is no whole number"),
    ("exp whole float", token(claims(exp=float(NOW))), "EAUTH", "exp is no whole number"),
    ("exp exponent", token(b'{"sub":"a","scopes":[],"exp":1e12}'), "EAUTH", "exp is no whole"),
    ("exp string", token(claims(exp=str(NOW + 9))), "EAUTH", "exp is no whole number"),
    ("exp negative", token(claims(exp=-1)), "EAUTH", "exp is no whole number"),
    ("exp past 64 bits", token(claims(exp=2**64)), "EAUTH", "exp is no whole number"),
    ("exp true", token(claims(exp=True)), "EAUTH", "exp is no whole number"),
    ("exp NaN", token(b'{"sub":"a","scopes":[],"exp":NaN}'), "EAUTH", "no JSON object"),
    ("exp twice", token(b'{"sub":"a","scopes":[],"exp":1,"exp":9999999999}'), "EAUTH", "twice"),
    ("iat broken", token(b'{"iat":[5 x]}'), "EAUTH", "no JSON object"),
    ("aud string", token(claims(aud="zeusd")), "EAUTH", "audience"),
    ("aud list", token(claims(aud=["zeusd", "x"])), "EAUTH", "audience"),
    ("aud empty list", token(claims(aud=[])), "EAUTH", "audience"),
    ("too long", token(claims(pad="x" * 8000)), "EAUTH", "too long"),
]


def c_string(data):
    data = data.encode() if isinstance(data, str) else data
    out = ""
    for byte in data:
        out += chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
    return '"' + out + '"'


def c_token(text):
    lines = [c_string(text[i:i + 76]) for i in range(0, len(text), 76)] or ['""']
    return "\n     ".join(lines)


def main():
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(" *")
    print(" * Tokens made by make_jwt_vectors.py with Python's standard library. Do not edit.")
    print(" */")
    print("#ifndef ZEUS_TESTS_JWT_VECTORS_H\n#define ZEUS_TESTS_JWT_VECTORS_H\n")
    print("#include <stdint.h>\n\n#include <zeus/error.h>\n")
    print("/* clang-format off */")
    for name, key in KEYS.items():
        print(f"#define {name} {c_string(key)}")
    print(f"#define NOW {NOW}u\n")
    print("static const struct issued_vector {\n    const char *name;\n    const char *key;\n"
          "    const char *subject;\n    const char *scopes; /* a comma list; \"\": none */\n"
          "    uint64_t expires_s;     /* 0: never */\n    uint64_t issued_s;      /* 0: absent */\n"
          "    const char *token;\n} issued_vectors[] = {")
    for name, key, subject, scopes, exp, iat in ISSUED:
        payload = {"sub": subject, "scopes": scopes}
        payload.update({"exp": exp} if exp else {})
        payload.update({"iat": iat} if iat else {})
        constant = next(k for k, v in KEYS.items() if v == key)
        print(f"    {{{c_string(name)}, {constant}, {c_string(subject)}, "
              f"{c_string(','.join(scopes))}, {exp or 0}u, {iat or 0}u,\n"
              f"     {c_token(token(payload, key))}}},")
    print("};\n")
    print("/* All under KEY. */\nstatic const struct checked_vector {\n    const char *name;\n"
          "    int code; /* 0: taken */\n    const char *words;\n    const char *token;\n"
          "} checked_vectors[] = {")
    for name, text in TAKEN:
        print(f"    {{{c_string(name)}, 0, \"\",\n     {c_token(text)}}},")
    for name, text, code, words in REFUSED:
        print(f"    {{{c_string(name)}, ZEUS_{code}, {c_string(words)},\n     {c_token(text)}}},")
    print("};\n/* clang-format on */\n\n#endif /* ZEUS_TESTS_JWT_VECTORS_H */")


if __name__ == "__main__":
    main()
