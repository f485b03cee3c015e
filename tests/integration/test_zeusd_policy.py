# SPDX-License-Identifier: Apache-2.0
"""The site's policy on a running zeusd: people, tokens, devices, ranges, revocation, limits, and
reading it again."""
import os
import signal
import time

import pytest

from test_zeusd_auth import sign
from zeusd import KEY, Daemon, Node, Stream

ME = os.getuid()
LIMIT = "/gpu/set_power_limit?block=true&gpu_ids={}&power_limit_mw={}"


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture
def start(node, tmp_path):
    """Starts a daemon on a policy; write() replaces the policy's text."""
    daemons = []
    path = tmp_path / "policy.toml"

    def write(text):
        path.write_text(text)
        path.chmod(0o644)

    def run(text, args=(), **kwargs):
        write(text)
        daemon = Daemon(node, "--policy", path, *args, **kwargs)
        daemon.write = write
        daemons.append(daemon)
        return daemon

    yield run
    for daemon in daemons:
        assert daemon.stop() == 0, daemon.log()


def token(sub, *scopes, **claims):
    return sign({"sub": sub, "scopes": list(scopes), **claims})


def reload(daemon, word):
    """SIGHUP, then until the log has one more line with `word`."""
    before = daemon.log().count(word)
    daemon.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while daemon.log().count(word) == before:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.01)


def test_devices_and_ranges(start):
    daemon = start(f"""
        default = "deny"
        [[rule]]
        users = ["{ME}"]
        apis = ["gpu-read", "gpu-control"]
        gpus = [0, "00000000:A3:00.0"]
        power_limit_w = [150, 250]
        gpu_clocks_mhz = [300, 1200]
        resets = false
    """)
    assert sorted(daemon.get("/gpu/get_power").json["power_mw"]) == ["0", "2"]
    assert daemon.get("/gpu/get_power?gpu_ids=2").status == 200
    refused = daemon.get("/gpu/get_power?gpu_ids=0,1")
    assert refused.status == 403 and "policy" in refused.json["error"]
    assert daemon.get("/cpu/get_power").status == 403
    assert daemon.get("/discover").status == 200

    assert daemon.post(LIMIT.format(2, 200000)).status == 200
    for mw in (149999, 250001):
        refused = daemon.post(LIMIT.format(2, mw))
        assert refused.status == 400, refused.text
        assert "150000-250000 mW" in refused.text and "rule 1" in refused.text
    assert daemon.post(LIMIT.format(1, 200000)).status == 403
    assert daemon.post("/gpu/%73et_power_limit?block=true&gpu_ids=1&power_limit_mw=200000"
                       ).status == 403
    clocks = "/gpu/set_gpu_locked_clocks?block=true&gpu_ids=0&min_clock_mhz={}&max_clock_mhz={}"
    assert daemon.post(clocks.format(300, 1200)).status == 200
    assert daemon.post(clocks.format(300, 1201)).status == 400
    assert daemon.post("/gpu/reset_gpu_locked_clocks?block=true&gpu_ids=0").status == 403
    assert daemon.post("/gpu/reset_locked_clocks?block=true&gpu_ids=0").status == 403


def test_default_deny(start):
    daemon = start('default = "deny"\n')
    assert daemon.get("/gpu/get_power").status == 403
    assert daemon.post(LIMIT.format(0, 200000)).status == 403
    assert daemon.get("/time").status == 200


def test_leases_asked_for(start):
    daemon = start("[[rule]]\nlease_required = true\nlease_ttl_max_s = 60\n")
    refused = daemon.post(LIMIT.format(0, 200000))
    assert refused.status == 403 and "lease" in refused.json["error"]
    assert daemon.post(LIMIT.format(0, 200000) + "&lease=a&ttl_s=61").status == 400
    assert daemon.post(LIMIT.format(0, 200000) + "&lease=a&ttl_s=60").status == 200
    assert daemon.post("/lease/renew?lease=a&ttl_s=61").status == 400
    assert daemon.post("/lease/release?lease=a").status == 200


def test_subjects_and_revocation(start):
    daemon = start("""
        default = "deny"
        [[rule]]
        subjects = ["dana", "eve"]
        apis = ["gpu-read"]
        [revoked]
        subjects = ["eve"]
        issued_before = "2026-01-01T00:00:00Z"
    """, key=KEY)

    def status(*args, path="/gpu/get_power", **claims):
        return daemon.get(path, token=token(*args, **claims)).status

    new, old = 1767225600, 1767225599
    assert status("dana", "gpu-read", iat=new) == 200
    assert status("dana", "gpu-read", "cpu-read", iat=new, path="/cpu/get_power") == 403
    assert status("dana", "cpu-read", iat=new) == 403
    assert status("mallory", "gpu-read", iat=new) == 403
    for claims in ({"sub": "eve", "iat": new}, {"sub": "dana", "iat": old}, {"sub": "dana"}):
        reply = daemon.get("/gpu/get_power", token=sign({"scopes": ["gpu-read"], **claims}))
        assert reply.status == 401 and "revoked" in reply.json["error"]
        assert reply.headers["www-authenticate"] == 'Bearer realm="zeusd"'


def test_reload(start):
    daemon = start('default = "deny"\n')
    assert daemon.get("/gpu/get_power").status == 403
    daemon.write("")
    reload(daemon, "read again")
    assert daemon.get("/gpu/get_power").status == 200
    daemon.write("[[rule]]\nuser = []\n")
    reload(daemon, "did you mean `users`")
    assert daemon.get("/gpu/get_power").status == 200  # the old one stays


def test_rates(start):
    daemon = start("[limits]\nrequests_per_s = 1\nburst = 5\n")
    replies = [daemon.get("/gpu/get_power") for _ in range(12)]
    statuses = [r.status for r in replies]
    assert statuses[:5] == [200] * 5 and 429 in statuses
    refused = next(r for r in replies if r.status == 429)
    assert int(refused.headers["retry-after"]) >= 1 and "error" in refused.json


def test_streams(start):
    daemon = start("[limits]\nstreams_per_user = 2\n")
    with Stream(daemon, "/gpu/stream_power"), Stream(daemon, "/gpu/stream_power"):
        assert daemon.get("/gpu/stream_power").status == 429
    assert daemon.get("/gpu/get_power").status == 200


def test_queue(start, tmp_path):
    """One command runs for a while, one waits, the third finds no room; reads are not held up."""
    overrides = tmp_path / "overrides.toml"
    overrides.write_text("[set_power_limit]\ncommands = ['sleep 1']\n")
    overrides.chmod(0o644)
    daemon = start("[limits]\nqueue = 1\n", args=("--gpu-command-overrides", overrides))
    post = LIMIT.format(0, 200000).replace("block=true", "block=false")
    replies = [daemon.post(post) for _ in range(4)]
    assert [r.status for r in replies][-1] == 503 and replies[0].status == 200
    assert daemon.get("/gpu/get_power?gpu_ids=0").status == 200
    assert daemon.post(LIMIT.format(1, 200000)).status == 200  # another device, another queue


@pytest.mark.skipif(ME != 0, reason="only root can call as somebody else")
def test_other_users(start):
    daemon = start("""
        default = "deny"
        [[rule]]
        users = ["12345"]
        [[rule]]
        groups = ["54321"]
    """)
    daemon.dir.chmod(0o755)

    def is_served(**who):
        """Whether a process of these ids gets an answer (200) or is refused (403)."""
        child = os.fork()
        if child == 0:
            status = 0
            try:
                if who:
                    os.setgroups(who["extra_groups"])
                    os.setgid(who["group"])
                    os.setuid(who["user"])
                status = {200: 1, 403: 2}[daemon.get("/gpu/get_power").status]
            finally:
                os._exit(status)
        return {1: True, 2: False}[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]

    assert is_served(user=12345, group=1, extra_groups=[])
    assert is_served(user=12346, group=54321, extra_groups=[])
    assert is_served(user=12346, group=1, extra_groups=[7, 54321])
    assert not is_served(user=12346, group=1, extra_groups=[7])
    assert not is_served()  # root is nobody special to a policy


@pytest.mark.parametrize("mode, words", [(0o646, "everybody may write it"),
                                         (0o664, "its group may write it")])
def test_file_of_others(node, tmp_path, mode, words):
    path = tmp_path / "policy.toml"
    path.write_text("")
    path.chmod(mode)
    with pytest.raises(RuntimeError, match=words):
        Daemon(node, "--policy", path)


def bearer(*args, **claims):
    return {"Authorization": f"Bearer {token(*args, **claims)}"}


def ended(stream, why):
    return stream.until_end().endswith(f": ended: {why}\n\n")


def test_streams_of_the_revoked_end(start):
    daemon = start("", key=KEY)
    power, hold = "/gpu/stream_power?gpu_ids=0", "/lease/hold?lease=h&ttl_s=1"
    with Stream(daemon, power, bearer("eve", "gpu-read", iat=2000)) as eve, \
            Stream(daemon, hold, bearer("eve", "gpu-control", iat=2000)) as held, \
            Stream(daemon, power, bearer("dana", "gpu-read", iat=1000)) as old, \
            Stream(daemon, power, bearer("dana", "gpu-read")) as undated, \
            Stream(daemon, power, bearer("dana", "gpu-read", iat=2000)) as stays:
        assert held.event()["state"] == "held"
        daemon.write('[revoked]\nsubjects = ["eve"]\n')
        reload(daemon, "read again")
        for stream in (eve, held):
            assert ended(stream, "the token has been revoked")
        old.event(), undated.event()
        daemon.write('[revoked]\nissued_before = "1970-01-01T00:30:00Z"\n')
        reload(daemon, "read again")
        for stream in (old, undated):
            assert ended(stream, "the token has been revoked")
        for _ in range(3):
            stays.event()
    deadline = time.monotonic() + 20
    control = token("x", "gpu-read", "gpu-control", iat=2000)
    while daemon.get("/lease/list", token=control).json["leases"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_streams_end_with_the_policy(start):
    """By device and by group, without tokens; a file that is refused ends nobody."""
    rule = '[[rule]]\nusers = ["{}"]\napis = {}\ngpus = {}\n'
    daemon = start('default = "deny"\n' + rule.format(ME, '["gpu-read", "cpu-read"]', "[0, 1]"))
    with Stream(daemon, "/gpu/stream_power?gpu_ids=0") as first, \
            Stream(daemon, "/gpu/stream_power") as both, \
            Stream(daemon, "/cpu/stream_power") as cpu:
        assert {both.event()["gpu_id"] for _ in range(8)} == {0, 1}
        daemon.write("[[rule]\n")
        reload(daemon, "nothing was changed")
        for stream in (first, both, cpu):
            stream.event()
        daemon.write('default = "deny"\n' + rule.format(ME, '["gpu-read"]', "[0]"))
        reload(daemon, "read again")
        assert ended(both, "the policy of the site has changed")
        assert ended(cpu, "the policy of the site has changed")
        for _ in range(3):
            first.event()
        daemon.write('default = "deny"\n' + rule.format(ME + 1, '["gpu-read"]', "[0]"))
        reload(daemon, "read again")
        assert ended(first, "the policy of the site has changed")
