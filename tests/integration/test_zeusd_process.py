# SPDX-License-Identifier: Apache-2.0
"""zeusd as a process: sockets, signals, exit statuses, start-up failures."""
import os
import signal
import socket
import stat
import subprocess

import pytest

from zeusd import KEY, ZEUSD, Daemon, Node, Stream


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


def run(node, *args, env=None):
    return subprocess.run([ZEUSD, *map(str, args)], env={**node.env, **(env or {})},
                          capture_output=True, text=True, timeout=30)


def serve(node, path, *args):
    return run(node, "serve", "--socket-path", path, "--state-dir", path.parent / "state", *args)


def test_version_and_help(node):
    for flag in ("--version", "-V"):
        done = run(node, flag)
        assert done.returncode == 0 and done.stdout.startswith("zeusd ")
    for args in (["--help"], ["-h"], ["serve", "--help"], ["serve", "-h"],
                 ["token", "issue", "--help"], ["token", "--help"]):
        assert run(node, *args).returncode == 0
    assert "--socket-permissions" in run(node, "serve", "--help").stdout


@pytest.mark.parametrize("args", [[], ["what"], ["serve", "--what"], ["serve", "--mode"],
                                  ["serve", "--mode", "pipe"], ["serve", "--enable", "gpu"],
                                  ["serve", "--num-workers", "x"], ["serve", "stray"],
                                  ["serve", "--gpu-backend", "NVML"], ["token"],
                                  ["serve", "--mode", "tcp", "--tcp-bind-address", "nohost"],
                                  ["serve", "--num-workers", "0"]])
def test_wrong_command_line(node, args):
    done = run(node, *args)
    assert done.returncode == 2 and done.stderr


def test_socket_permissions(node):
    with Daemon(node, "--socket-permissions", "640", "--socket-uid", "12345",
                "--socket-gid=54321") as daemon:
        st = daemon.socket_path.stat()
        assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o640
        if os.geteuid() == 0:
            assert (st.st_uid, st.st_gid) == (12345, 54321)
    assert not daemon.socket_path.exists()


def test_default_permissions(node):
    with Daemon(node) as daemon:
        assert stat.S_IMODE(daemon.socket_path.stat().st_mode) == 0o666


def test_bad_permissions(node, tmp_path):
    done = serve(node, tmp_path / "s", "--socket-permissions", "9")
    assert done.returncode in (1, 2) and done.stderr


def test_parent_directories_are_made(node, tmp_path):
    path = tmp_path / "a" / "b" / "zeusd.sock"
    with Daemon(node, "--socket-path", path):
        assert path.is_socket()


def test_stale_socket_is_replaced(node, tmp_path):
    path = tmp_path / "zeusd.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with Daemon(node, "--socket-path", path) as daemon:
        daemon.socket_path = path
        assert daemon.get("/time").status == 200


def test_live_socket_is_kept(node, tmp_path):
    path = tmp_path / "zeusd.sock"
    live = socket.socket(socket.AF_UNIX)
    live.bind(str(path))
    live.listen()
    done = serve(node, path)
    assert done.returncode == 1 and "\nError: socket" in done.stderr
    assert path.is_socket()
    live.close()


def test_unconnectable_socket_is_kept(node, tmp_path):
    """A datagram socket: connecting fails, but not as a dead server's would."""
    path = tmp_path / "zeusd.sock"
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.bind(str(path))
    done = serve(node, path)
    assert done.returncode == 1 and path.is_socket()
    other.close()


def test_a_file_is_kept(node, tmp_path):
    path = tmp_path / "zeusd.sock"
    path.write_text("precious")
    done = serve(node, path)
    assert done.returncode == 1 and path.read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_end_promptly_with_streams_open(node, number):
    daemon = Daemon(node)
    with Stream(daemon, "/gpu/stream_power") as stream:
        stream.event()
        daemon.process.send_signal(number)
        assert daemon.process.wait(timeout=5) == 0
        with pytest.raises((ValueError, ConnectionError, AssertionError)):
            while True:
                assert stream.chunk()  # never a clean end: no chunk of length 0
    assert not daemon.socket_path.exists()


def test_both_listeners(node):
    with Daemon(node, mode="both") as daemon:
        assert daemon.get("/time").status == 200
        assert daemon.get("/time", tcp=True).status == 200
        assert daemon.get("/gpu/get_power", tcp=True).json["power_mw"].keys() == {
            "0", "1", "2", "3"}


def test_tcp_alone(node):
    with Daemon(node, mode="tcp") as daemon:
        assert not daemon.socket_path.exists()
        assert daemon.get("/time", tcp=True).status == 200
        assert "everybody who can connect" in daemon.log()


def test_web_pages_cannot_drive_it(node):
    """Without a key, a page of another origin or a rebound name is refused."""
    with Daemon(node, mode="both") as daemon:
        target = "/gpu/set_power_limit?gpu_ids=0&power_limit_mw=200000&block=true"
        own = f"127.0.0.1:{daemon.port}"
        for headers in ({"Host": own, "Origin": "http://evil.example"}, {"Host": "evil.example"},
                        {"Host": own, "Sec-Fetch-Site": "cross-site"},
                        {"Host": f"evil.example:{daemon.port}", "Origin":
                         f"http://evil.example:{daemon.port}"}):
            connection = daemon.connection(tcp=True)
            connection.putrequest("POST", target, skip_host=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            reply = connection.getresponse()
            assert reply.status == 403, headers
            reply.read()
        assert node.settings()[0][0] == 300000
        assert daemon.post(target, tcp=True, headers={"Origin": f"http://{own}"}).status == 200


def test_unreadable_key(node, tmp_path):
    done = serve(node, tmp_path / "s", "--signing-key-path", tmp_path / "none")
    assert done.returncode == 1 and "none" in done.stderr


def test_the_journal_gets_errors_as_errors(node, tmp_path):
    """Under systemd (which sets JOURNAL_STREAM), `journalctl -p err` tells why a start failed."""
    there = {"JOURNAL_STREAM": "8:1"}
    done = run(node, "serve", "--signing-key-path", tmp_path / "none", env=there)
    assert done.returncode == 1 and "\n<3>Error: " in "\n" + done.stderr
    done = run(node, "serve", "--mode", "pipe", env=there)
    assert done.returncode == 2 and done.stderr.startswith("<3>error: ")
    done = run(node, "serve", "--mode", "pipe")
    assert done.stderr.startswith("error: ")


def test_config_file(node, tmp_path):
    path = tmp_path / "zeusd.toml"
    path.write_text('mode = "both"\nsocket_permissions = "600"\nenable = ["gpu-read"]\n'
                    'gpu_power_poll_hz = 50\n')
    with Daemon(node, "--config", path) as daemon:
        assert daemon.get("/discover").json["enabled_api_groups"] == ["gpu-read"]
        assert stat.S_IMODE(daemon.socket_path.stat().st_mode) == 0o600
    done = run(node, "--check-config", "--config", path, "--enable", "cpu-read")
    assert done.returncode == 0, done.stderr
    assert 'enable = ["cpu-read"]' in done.stdout and "gpu-power-poll-hz = 50" in done.stdout


@pytest.mark.parametrize("text,words", [
    ("sokcet_path = 'x'\n", ["zeusd.toml:1", "sokcet_path", "socket-path"]),
    ("\nmode = 3\n", ["zeusd.toml:2", "mode"]),
    ("mode = 'udp'\n", ["udp"]), ("mode =\n", ["zeusd.toml:1"]),
    ("gpu_power_poll_hz = -1\n", ["zeusd.toml:1", "-1"]), ("[serve]\n", ["zeusd.toml:1", "serve"]),
    ("check_config = true\n", ["zeusd.toml:1"])])
def test_config_file_refused(node, tmp_path, text, words):
    path = tmp_path / "zeusd.toml"
    path.write_text(text)
    done = run(node, "--check-config", "--config", path)
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr, done.stderr


def test_check_config_reads_everything(node, tmp_path):
    (tmp_path / "policy.toml").write_text("nonsense = 1\n")
    done = run(node, "serve", "--check-config", "--policy", tmp_path / "policy.toml")
    assert done.returncode == 1 and "policy.toml:1" in done.stderr
    done = run(node, "serve", "--check-config", "--tls-cert", "a")
    assert done.returncode == 2


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """Two certificates with their keys, one of them expired, and a file that is none."""
    dir_ = tmp_path_factory.mktemp("pems")
    for name in ("a", "b"):
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                               f"/CN={name}", "-keyout", dir_ / f"{name}.key", "-out",
                               dir_ / f"{name}.crt"], capture_output=True)
        if done.returncode != 0:
            pytest.skip("openssl does not work here")
    (dir_ / "junk").write_text("junk")
    return dir_


WRONG_FILES = [  # flags (files of `pems` or text to be written), words of the error
    (["--tls-cert=junk", "--tls-key=a.key"], ["junk: no certificate"]),
    (["--tls-cert=a.crt", "--tls-key=junk"], ["junk: no private key"]),
    (["--tls-cert=a.crt", "--tls-key=b.key"], ["b.key: not the key", "a.crt"]),
    (["--tls-cert=a.crt", "--tls-key=absent"], ["absent", "No such file"]),
    (["--tls-cert=a.crt", "--tls-key=a.key", "--tls-client-ca=b.key"], ["b.key: no certificate"]),
]


@pytest.mark.parametrize("args,words", WRONG_FILES)
@pytest.mark.parametrize("command", [["--check-config"], ["serve"]])
def test_wrong_tls_files(node, pems, tmp_path, command, args, words):
    """Checking says what starting says, and both name the file."""
    paths = [a.split("=")[0] + "=" + str(pems / a.split("=")[1]) for a in args]
    done = run(node, *command, "--mode", "both", "--socket-path", tmp_path / "s",
               "--tcp-bind-address", "127.0.0.1:0", "--state-dir", "", *paths)
    assert done.returncode == 1, done.stdout
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("flag,text,words", [
    ("--policy", 'default = "deny"\n[[rule]]\nusers = ["nobody-here"]\n', [":3:", "nobody-here"]),
    ("--policy", "[[rule]]\npower_limit_w = [400, 200]\n", [":2:", "power_limit_w"]),
    ("--policy", "[[rule]\n", [":1:"]),
    ("--policy", '[revoked]\nissued_before = "yesterday"\n', [":2:", "issued_before"]),
    ("--gpu-command-overrides", '[set_power_limit]\ncommands = ["sudo \'x"]\n',
     [":2:", "quote"]),
    ("--gpu-command-overrides", '[set_power_limit]\n\ncommands = ["x {nope}"]\n',
     [":3:", "{nope}"]),
    ("--gpu-command-overrides", '[set_power]\ncommands = ["x"]\n', [":1:", "set_power_limit"]),
    ("--gpu-command-overrides", '[set_power_limit]\ncommands = ["x"]\nerror_pattern = "("\n',
     [":3:", "error_pattern"]),
    ("--signing-key-path", "", ["empty"]),
    ("--config", "mode = 'pipe'\n", ["pipe"]),
])
def test_check_config_names_file_and_line(node, tmp_path, flag, text, words):
    path = tmp_path / "the-file"
    path.write_text(text)
    path.chmod(0o600)
    done = run(node, "--check-config", flag, path)
    assert done.returncode in (1, 2) and "is fine" not in done.stdout
    for word in ["the-file", *words] if flag != "--config" else words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("args,words", [
    (["--user", "nobody-here"], "nobody-here"),
    (["--audit-log", "/nonexistent/audit.log"], "/nonexistent"),
    (["--audit-log", "/dev/null/audit.log"], "/dev/null"),
    (["--policy", "/nonexistent/policy.toml"], "/nonexistent/policy.toml"),
])
def test_check_config_looks_at_the_machine(node, args, words):
    done = run(node, "--check-config", *args)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_a_lost_gpu_does_not_keep_the_others_from_being_served():
    with Node(faults=["gpu1:GPU_IS_LOST"]) as node, Daemon(node) as daemon:
        body = daemon.get("/gpu/get_power?partial=true").json
        assert {"0", "2", "3"} <= set(body["power_mw"])
        assert daemon.get("/health").json["status"] in ("ok", "degraded")


def test_no_devices():
    with Node(node="empty") as node, Daemon(node) as daemon:
        assert daemon.get("/gpu/get_power").json["power_mw"] == {}
        assert daemon.get("/gpu/get_power_limit").json == {}
        assert daemon.get("/cpu/get_cumulative_energy?cpu=true&dram=true").json == {}
        assert daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=1&block=true"
                           ).status == 400


def test_privileges(node):
    """Without the right to change settings, control is refused at the start and reading is not."""
    with Node(privileged=False) as plain:
        if os.geteuid() == 0:
            pytest.skip("runs as root, who may change settings")
        with pytest.raises(RuntimeError, match="gpu-control"):
            Daemon(plain)
        with Daemon(plain, "--enable", "gpu-read") as daemon:
            assert daemon.get("/gpu/get_power").status == 200


def test_malformed_requests(node):
    with Daemon(node, key=KEY) as daemon:
        for raw in (b"nonsense\r\n\r\n", b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"GET time HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(10)
            s.connect(str(daemon.socket_path))
            s.sendall(raw)
            reply = s.recv(4096)
            assert reply == b"" or b" 400 " in reply.split(b"\r\n")[0], (raw, reply)
            s.close()
        assert daemon.get("/time").status == 200
