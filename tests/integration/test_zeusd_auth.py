# SPDX-License-Identifier: Apache-2.0
"""Admission of zeusd: the table of the specification's sections 5 and 13.3, and every case of it
again with the path written in escapes. Tokens come from a signer of the tests' own."""
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import time

import pytest

from zeusd import KEY, ZEUSD, Daemon, Node, Stream


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, key=KEY, header=None):
    head = header or {"typ": "JWT", "alg": "HS256"}
    text = ".".join(b64(json.dumps(part, separators=(",", ":")).encode())
                    for part in (head, claims))
    return text + "." + b64(hmac.new(key, text.encode(), hashlib.sha256).digest())


def token(*scopes, exp=None, sub="dana", key=KEY, **extra):
    claims = {"sub": sub, "scopes": list(scopes)}
    if exp is not None:
        claims["exp"] = exp
    return sign({**claims, **extra}, key)


FUTURE = int(time.time()) + 3600
READ, CONTROL, CPU = "gpu-read", "gpu-control", "cpu-read"
LIMIT = "/gpu/set_power_limit"
ARGS = "gpu_ids=0&power_limit_mw=300000&block=true"


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture(scope="module")
def closed(node):
    with Daemon(node, key=KEY) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def open_(node):
    with Daemon(node) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def some(node):
    """Authentication on, one group off."""
    with Daemon(node, "--enable", "gpu-read", key=KEY) as daemon:
        yield daemon


def plain(path):
    return path


def one_letter(path):
    return path[:2] + f"%{ord(path[2]):02x}" + path[3:]


def slashes(path):
    return "/" + path[1:].replace("/", "%2F")


def everything(path):
    return "/" + "".join(f"%{ord(c):02X}" for c in path[1:])


WRITTEN = pytest.mark.parametrize("written", [plain, one_letter, slashes, everything])


def ask(daemon, written, method, path, query="", **kwargs):
    return daemon.request(method, written(path) + ("?" + query if query else ""), **kwargs)


@WRITTEN
def test_open_paths(open_, closed, written):
    assert ask(open_, written, "GET", "/discover").json["auth_required"] is False
    assert ask(closed, written, "GET", "/discover").json["auth_required"] is True
    for daemon in (open_, closed):
        assert ask(daemon, written, "GET", "/time").status == 200
    assert ask(closed, written, "GET", "/time", token="garbage").status == 200


@WRITTEN
@pytest.mark.parametrize("credentials", [None, "garbage", token(READ, exp=FUTURE),
                                         token(CONTROL, exp=FUTURE)])
@pytest.mark.parametrize("path", [LIMIT, "/gpu/set_nothing", "/gpu/reset_locked_clocks",
                                  "/cpu/get_power", "/cpu/x"])
def test_group_off_comes_first(some, written, credentials, path):
    method = "POST" if "gpu" in path else "GET"
    reply = ask(some, written, method, path, token=credentials)
    assert reply.status == 404 and list(reply.json) == ["error"]


@WRITTEN
@pytest.mark.parametrize("credentials", [None, token(READ, exp=FUTURE), "garbage"])
def test_auth_off(open_, written, credentials):
    assert ask(open_, written, "GET", "/gpu/get_power", token=credentials).status == 200
    reply = ask(open_, written, "GET", "/auth/whoami", token=credentials)
    assert reply.status == 404 and list(reply.json) == ["error"]


BAD = {
    "garbage": "garbage",
    "three empty parts": "..",
    "expired": token(READ, exp=1000000000),
    "another key": token(READ, exp=FUTURE, key=b"another-key-of-some-length-here!"),
    "alg none": sign({"sub": "d", "scopes": [READ]}, header={"typ": "JWT", "alg": "none"}),
    "alg HS512": sign({"sub": "d", "scopes": [READ]}, header={"typ": "JWT", "alg": "HS512"}),
    "audience": token(READ, exp=FUTURE, aud="x"),
    "audiences": token(READ, exp=FUTURE, aud=["x"]),
    "unknown scope": token(READ, "gpu-everything", exp=FUTURE),
    "empty subject": token(READ, exp=FUTURE, sub=""),
    "no subject": sign({"scopes": [READ], "exp": FUTURE}),
    "no scopes": sign({"sub": "d", "exp": FUTURE}),
    "exp a float": token(READ, exp=FUTURE + 0.5),
    "exp a string": token(READ, exp=str(FUTURE)),
    "exp negative": token(READ, exp=-1),
    "signature cut": token(READ, exp=FUTURE)[:-2],
    "padding": token(READ, exp=FUTURE) + "=",
    "blank after": token(READ, exp=FUTURE) + "%20",
}


@WRITTEN
@pytest.mark.parametrize("why", [None, *BAD])
def test_no_usable_token(closed, written, why):
    for method, path in (("GET", "/gpu/get_power"), ("POST", LIMIT), ("GET", "/cpu/get_power"),
                         ("GET", "/auth/whoami"), ("GET", "/nothing"), ("GET", LIMIT)):
        reply = ask(closed, written, method, path, token=BAD.get(why))
        assert reply.status == 401, (path, reply.text)
        assert reply.headers["www-authenticate"] == 'Bearer realm="zeusd"'
        assert list(reply.json) == ["error"]


def test_the_scheme_is_exact(closed):
    good = token(READ, exp=FUTURE)
    for value in (f"bearer {good}", f"Bearer  {good}", f"Bearer\t{good}", f"Basic {good}", good):
        assert closed.get("/gpu/get_power", headers={"Authorization": value}).status == 401
    assert closed.get("/gpu/get_power", headers={"Authorization": f"Bearer {good}"}).status == 200


def test_leeway(closed):
    now = int(time.time())
    assert closed.get("/gpu/get_power", token=token(READ, exp=now - 30)).status == 200
    late = closed.get("/gpu/get_power", token=token(READ, exp=now - 90))
    assert late.status == 401 and "expired" in late.text
    assert closed.get("/gpu/get_power", token=token(READ)).status == 200
    assert closed.get("/gpu/get_power", token=token(READ, exp=0)).status == 401


@WRITTEN
def test_scopes(closed, written):
    read = token(READ, exp=FUTURE)
    both = token(CONTROL, READ, exp=FUTURE)
    for method, path in (("POST", LIMIT), ("GET", "/cpu/get_power")):
        reply = ask(closed, written, method, path, ARGS, token=read)
        assert reply.status == 403 and list(reply.json) == ["error"]
        assert "www-authenticate" not in reply.headers
        assert "dana" in reply.text and READ in reply.text
    assert ask(closed, written, "GET", "/gpu/get_power", token=read).status == 200
    assert ask(closed, written, "POST", LIMIT, ARGS, token=both).status == 200
    assert ask(closed, written, "GET", "/cpu/get_power", token=token(CPU)).status == 200
    assert ask(closed, written, "GET", "/gpu/get_power", token=token()).status == 403


@WRITTEN
def test_past_admission(closed, written):
    """Routing comes after the token, queries after routing."""
    good = token(READ, CONTROL, exp=FUTURE)
    unmatched = ask(closed, written, "GET", "/nothing", token=good)
    assert (unmatched.status, unmatched.body) == (404, b"")
    wrong_method = ask(closed, written, "GET", LIMIT, ARGS, token=good)
    assert (wrong_method.status, wrong_method.body) == (404, b"")
    assert ask(closed, written, "POST", LIMIT, "x=1", token=good).status == 400


def test_twice_encoded_is_another_path(closed):
    reply = closed.get("/gpu%252Fget_power", token=token(READ))
    assert (reply.status, reply.body) == (404, b"")


def test_whoami(closed):
    reply = closed.get("/auth/whoami", token=token(READ, CPU, exp=FUTURE))
    assert reply.json == {"sub": "dana", "scopes": [READ, CPU], "exp": FUTURE}
    assert closed.get("/auth/whoami", token=token()).json == {"sub": "dana", "scopes": []}
    assert "exp" not in closed.get("/auth/whoami", token=token(CPU, exp=None)).json


def issue(key_path, *args):
    return subprocess.run([ZEUSD, "token", "issue", "--signing-key-path", key_path, *args],
                          capture_output=True, text=True, timeout=20)


def test_token_issue(node, tmp_path):
    """Both directions, with a key file that ends in a newline: it is part of the key."""
    key = b"a key that ends in a newline, as files do\n"
    path = tmp_path / "key"
    path.write_bytes(key)
    os.chmod(path, 0o600)
    done = issue(path, "--user", "dana", "--scope", "gpu-read,cpu-read", "--expires", "1h 30m")
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    head, payload, signature = done.stdout.strip().split(".")
    pad = lambda t: base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))
    assert pad(head) == b'{"typ":"JWT","alg":"HS256"}'
    claims = json.loads(pad(payload))
    assert list(claims)[:3] == ["sub", "scopes", "exp"]
    assert abs(claims["exp"] - time.time() - 5400) < 60
    assert signature == b64(hmac.new(key, f"{head}.{payload}".encode(), hashlib.sha256).digest())
    never = issue(path, "--user=eve", "--expires=never", "--scope=gpu-read")
    with Daemon(node, key=key) as daemon:
        for text in (done.stdout, never.stdout, token(READ, key=key)):
            assert daemon.get("/gpu/get_power", token=text.strip()).status == 200
        assert daemon.get("/gpu/get_power", token=token(READ, key=key.strip())).status == 401


@pytest.mark.parametrize("args,status", [
    (["--user", "d", "--expires", "soon"], 1), (["--user", "d", "--expires", ""], 1),
    (["--user", "d"], 2), (["--expires", "1h"], 2),
    (["--user", "d", "--expires", "1h", "--scope", "gpu-write"], 2),
    (["--user", "d", "--expires", "1h", "--what"], 2)])
def test_token_issue_refuses(tmp_path, args, status):
    (tmp_path / "key").write_bytes(KEY)
    done = issue(tmp_path / "key", *args)
    assert done.returncode == status and done.stdout == "" and done.stderr


def test_token_issue_bad_key(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for name in ("empty", "absent"):
        done = issue(tmp_path / name, "--user", "d", "--expires", "1h")
        assert done.returncode == 1 and name in done.stderr


def test_rotation(node, tmp_path):
    """Two keys are valid at once; SIGHUP reads the files again."""
    old, new = KEY, b"the key that comes after the first"
    (tmp_path / "second").write_bytes(new)
    with Daemon(node, "--signing-key-path", tmp_path / "second", key=old) as daemon:
        for key in (old, new):
            assert daemon.get("/gpu/get_power", token=token(READ, key=key)).status == 200
        third = b"and a third one, for good measure"
        (daemon.dir / "key").write_bytes(third)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_ready()
        assert daemon.get("/gpu/get_power", token=token(READ, key=third)).status == 200
        assert daemon.get("/gpu/get_power", token=token(READ, key=old)).status == 401
        assert daemon.get("/gpu/get_power", token=token(READ, key=new)).status == 200
        (daemon.dir / "key").write_bytes(b"")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_ready()
        assert "nothing was changed" in daemon.log()
        assert daemon.get("/gpu/get_power", token=token(READ, key=third)).status == 200


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize("target", ["/gpu/stream_power", "/gpu/stream_temperature?gpu_ids=1",
                                    "/lease/hold?lease=a&ttl_s=0"])
def test_streams_end_with_their_token(closed, target):
    """Tokens are taken 60 s past their end, on open streams as well."""
    scopes = (READ, CONTROL)
    short = token(*scopes, exp=int(time.time()) - 58)
    with Stream(closed, target, bearer(short)) as ends, \
            Stream(closed, target, bearer(token(*scopes, exp=FUTURE))) as stays:
        ends.event()
        assert ends.until_end().endswith(": ended: the token has expired\n\n")
        assert closed.get("/gpu/get_power", token=short).status == 401
        if "lease" not in target:
            for _ in range(3):
                stays.event()
    assert closed.process.poll() is None


def test_streams_end_in_the_order_of_their_tokens(closed):
    now = int(time.time())
    late, soon = (Stream(closed, "/gpu/stream_power?gpu_ids=0", bearer(token(READ, exp=now - left)))
                  for left in (57, 58))
    with late, soon:
        soon.until_end()
        assert closed.get("/gpu/get_power", token=token(READ, exp=now - 57)).status == 200
        late.event()
        late.until_end()


def test_streams_end_with_their_key(node, tmp_path):
    old, new = KEY, b"the key that comes after the first"
    (tmp_path / "second").write_bytes(old)
    with Daemon(node, "--signing-key-path", tmp_path / "second", key=new) as daemon:
        with Stream(daemon, "/gpu/stream_power", bearer(token(READ, key=old))) as ends, \
                Stream(daemon, "/gpu/stream_power", bearer(token(READ, key=new))) as stays:
            ends.event()
            daemon.process.send_signal(signal.SIGHUP)  # the same keys: nobody ends
            daemon.wait_ready()
            ends.event()
            (tmp_path / "second").write_bytes(b"yet another key, which is the third")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_ready()
            assert ends.until_end().endswith(": ended: the key of the token is no longer valid\n\n")
            for _ in range(3):
                stays.event()
