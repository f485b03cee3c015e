# SPDX-License-Identifier: Apache-2.0
"""zeusd beyond plain sockets: TLS, client certificates, activation, watchdog, command overrides,
the audit log."""
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest

from zeusd import BUILD, ZEUS, ZEUSD, Daemon, Node, Stream

PROBE = BUILD / "tests" / "daemon_probe"


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


def openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A certificate authority, the server's certificate and a client's (CN node7)."""
    if subprocess.run(["which", "openssl"], capture_output=True).returncode != 0:
        pytest.skip("openssl is not installed")
    dir_ = tmp_path_factory.mktemp("pki")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=test authority", "-keyout", dir_ / "ca.key",
            "-out", dir_ / "ca.crt")
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=node7")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                subject, "-keyout", dir_ / f"{name}.key", "-out", dir_ / f"{name}.csr")
        (dir_ / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", dir_ / f"{name}.csr", "-CA", dir_ / "ca.crt", "-CAkey",
                dir_ / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", dir_ / "ext",
                "-out", dir_ / f"{name}.crt")
    return dir_


def https_get(port, target, pki, client=False):
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    if client:
        context.load_cert_chain(pki / "client.crt", pki / "client.key")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                        .encode())
            reply = b""
            while chunk := tls.recv(65536):
                reply += chunk
    return int(reply.split()[1]), reply.partition(b"\r\n\r\n")[2]


def test_tls(node, pki):
    with Daemon(node, "--tls-cert", pki / "server.crt", "--tls-key", pki / "server.key",
                mode="both") as daemon:
        assert https_get(daemon.port, "/gpu/get_power_limit", pki)[0] == 200
        assert daemon.get("/time").status == 200  # the Unix socket stays plain
        with pytest.raises(Exception):
            daemon.get("/time", tcp=True)


def test_client_certificates(node, pki, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('default = "deny"\n[[rule]]\ncertificates = ["node7"]\n'
                      'apis = ["gpu-read"]\n')
    os.chmod(policy, 0o600)
    with Daemon(node, "--tls-cert", pki / "server.crt", "--tls-key", pki / "server.key",
                "--tls-client-ca", pki / "ca.crt", "--policy", policy, mode="both") as daemon:
        assert https_get(daemon.port, "/gpu/get_power_limit", pki, client=True)[0] == 200
        assert https_get(daemon.port, "/cpu/get_power", pki, client=True)[0] == 403
        with pytest.raises(Exception):
            https_get(daemon.port, "/time", pki)


# ---- our client over TLS ----

def client(node, daemon, *args, host="localhost", **env):
    """daemon_probe over TCP with the environment's TLS settings: (its answers, what it said)."""
    done = subprocess.run([PROBE, *args], capture_output=True, text=True, timeout=60,
                          env={**node.env, "ZEUSD_HOST_PORT": f"{host}:{daemon.port}",
                               **{k: str(v) for k, v in env.items()}})
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers, done.stderr
    return answers


def remedy(node, daemon, host="localhost", env=None):
    """What `zeus env` says of a daemon that it cannot use: (code of the error, detail, remedy)."""
    done = subprocess.run([ZEUS, "env", "--json"], capture_output=True, text=True, timeout=60,
                          env={**node.env, "ZEUSD_HOST_PORT": f"{host}:{daemon.port}",
                               **{k: str(v) for k, v in (env or {}).items()}})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tls(node, pki):
    with Daemon(node, "--tls-cert", pki / "server.crt", "--tls-key", pki / "server.key",
                mode="both") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def mutual(node, pki):
    with Daemon(node, "--tls-cert", pki / "server.crt", "--tls-key", pki / "server.key",
                "--tls-client-ca", pki / "ca.crt", mode="both") as daemon:
        yield daemon


def test_client_with_tls(node, tls, pki):
    trust = {"ZEUSD_TLS": "1", "ZEUSD_CA": pki / "ca.crt"}
    for host in ("localhost", "127.0.0.1"):
        info, = client(node, tls, "info", host=host, **trust)
        assert info["dialect"] == 10 and len(info["gpus"]) == 4
    events = client(node, tls, "stream", "gpu-power", "5", **trust)
    assert len(events) >= 5 and all(e["power_mw"] > 0 for e in events[:5]), events
    done, = client(node, tls, "set-limit", "3", "250000", **trust)
    assert "error" not in done and node.settings()[3][0] == 250000


@pytest.mark.parametrize("env,code,words", [
    ({"ZEUSD_TLS": "1"}, "not-authenticated", "certificate"),               # unknown authority
    ({"ZEUSD_TLS": "1", "ZEUSD_CA": "other.crt"}, "not-authenticated", "certificate"),
    ({"ZEUSD_TLS": "1", "ZEUSD_CA": "absent.crt"}, "invalid-argument", "absent.crt"),
    ({"ZEUSD_TLS": "1", "ZEUSD_CA": "ca.key"}, None, ""),                   # no certificate in it
    ({}, "daemon", ""),                                                     # plain to TLS
])
def test_client_that_must_not_trust(node, tls, pki, other_authority, env, code, words):
    env = {k: (pki / v if v.endswith((".crt", ".key")) else v) for k, v in env.items()}
    answer = client(node, tls, "info", **env)[-1]
    assert words in answer["message"], answer
    assert answer["error"] == code or not code, answer
    if code == "not-authenticated" and "ZEUSD_CA" in env:  # streams trust no more than requests
        answer = client(node, tls, "stream", "gpu-power", "1", **env)[-1]
        assert "error" in answer and words in answer["message"], answer


@pytest.fixture(scope="module")
def other_authority(pki):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=another authority", "-keyout", pki / "other.key",
            "-out", pki / "other.crt")
    return pki / "other.crt"


def test_client_with_a_wrong_name(node, pki):
    """A certificate of the right authority for another machine."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=node9", "-keyout", pki / "node9.key", "-out", pki / "node9.csr")
    (pki / "ext9").write_text("subjectAltName=DNS:node9\n")
    openssl("x509", "-req", "-in", pki / "node9.csr", "-CA", pki / "ca.crt", "-CAkey",
            pki / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", pki / "ext9",
            "-out", pki / "node9.crt")
    with Daemon(node, "--tls-cert", pki / "node9.crt", "--tls-key", pki / "node9.key",
                mode="tcp") as daemon:
        for host in ("localhost", "127.0.0.1"):
            answer, = client(node, daemon, "info", host=host, ZEUSD_TLS=1, ZEUSD_CA=pki / "ca.crt")
            assert answer["error"] == "not-authenticated", answer


def test_tls_to_a_plain_server(node, pki):
    with Daemon(node, mode="tcp") as daemon:
        answer, = client(node, daemon, "info", ZEUSD_TLS=1, ZEUSD_CA=pki / "ca.crt")
        assert answer["error"] == "daemon", answer
        info, = client(node, daemon, "info")
        assert info["dialect"] == 10


def test_client_with_a_certificate(node, mutual, pki, other_authority):
    trust = {"ZEUSD_TLS": 1, "ZEUSD_CA": pki / "ca.crt"}
    own = {**trust, "ZEUSD_CERT": pki / "client.crt", "ZEUSD_KEY": pki / "client.key"}
    info, = client(node, mutual, "info", **own)
    assert info["dialect"] == 10
    assert len(client(node, mutual, "stream", "gpu-power", "3", **own)) >= 3
    for wrong in (trust,
                  {**trust, "ZEUSD_CERT": other_authority, "ZEUSD_KEY": pki / "other.key"}):
        assert client(node, mutual, "info", **wrong)[-1]["error"] == "daemon"
    for files in ({"ZEUSD_KEY": pki / "server.key"}, {"ZEUSD_CERT": pki / "absent.crt"}):
        answer, = client(node, mutual, "info", **{**own, **files})
        assert answer["error"] in ("invalid-argument", "daemon"), answer  # libcurl's TLS decides
        assert "certificate" in answer["message"] or "cert" in answer["message"], answer


def finding(report):
    return next(f for f in report["findings"] if f["family"] == "zeusd")


def test_remedies_name_what_is_wrong(node, tls, pki, tmp_path):
    """`start zeusd` is for a daemon that is not there, and for nothing else."""
    ca = pki / "ca.crt"
    for env, words in (({"ZEUSD_TLS": 1}, "ZEUSD_CA"),
                       ({"ZEUSD_TLS": 1, "ZEUSD_CA": pki / "absent.crt"}, "mend ZEUSD_CA"),
                       ({}, "ZEUSD_TLS=1")):
        assert words in finding(remedy(node, tls, env=env))["remedy"]
    assert finding(remedy(node, tls, env={"ZEUSD_TLS": 1, "ZEUSD_CA": ca}))["remedy"] in (None, "")
    gone = {"ZEUSD_SOCK_PATH": tmp_path / "nobody.sock"}
    assert finding(remedy(node, tls, env=gone))["remedy"].startswith("start zeusd, or unset")


def test_without_libcurl_the_remedy_is_libcurl(node, tls, tmp_path):
    """Libraries of that name that are none stand before the real ones."""
    for name in ("libcurl-gnutls.so.4", "libcurl.so.4", "libcurl-nss.so.4"):
        (tmp_path / name).write_text("no library\n")
    path = f"{tmp_path}:{node.env.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    told = finding(remedy(node, tls, env={"LD_LIBRARY_PATH": path,
                                          "ZEUSD_SOCK_PATH": tls.socket_path}))
    if "libcurl" not in told.get("detail", ""):
        pytest.skip("the loader passes over files that are no libraries")
    assert "install libcurl" in told["remedy"] and "start zeusd" not in told["remedy"]


def test_socket_activation(node, tmp_path):
    """A socket that the service manager made: used, and left where it is."""
    path = tmp_path / "activated.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    script = ('import os,sys\nos.environ["LISTEN_PID"]=str(os.getpid())\n'
              'os.environ["LISTEN_FDS"]="1"\n'
              f'os.dup2({listener.fileno()},3)\nos.set_inheritable(3,True)\n'
              'os.execv(sys.argv[1],sys.argv[1:])')
    process = subprocess.Popen(
        ["python3", "-c", script, str(ZEUSD), "serve", "--state-dir", str(tmp_path / "state")],
        env=node.env, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(path))
    client.sendall(b"GET /time HTTP/1.1\r\nHost: l\r\n\r\n")
    assert b" 200 " in client.recv(4096).split(b"\r\n")[0]
    process.terminate()
    assert process.wait(timeout=20) == 0
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_watchdog(node):
    with Daemon(node, env={"WATCHDOG_USEC": "200000"}) as daemon:
        daemon.notify.settimeout(10)
        assert any(b"WATCHDOG=1" in daemon.notify.recv(4096) for _ in range(5))


def write_overrides(path, text):
    path.write_text(text)
    os.chmod(path, 0o600)
    return path


def test_overrides(node, tmp_path):
    """The site's commands in place of the driver; what they say reaches the client and the log."""
    seen = tmp_path / "seen"
    file = write_overrides(tmp_path / "overrides.toml", f"""
[set_power_limit]
commands = ["sh -c 'echo {{gpu_id}} {{power_limit_mw}} {{power_limit_w}} >> {seen}'"]
[set_persistence_mode]
commands = ["sh -c 'echo no way; exit 7'"]
[reset_gpu_locked_clocks]
commands = ["echo Failed to reset"]
error_pattern = '(?i)failed|error'
[reset_mem_locked_clocks]
commands = ["sleep 100"]
timeout_s = 1
""".replace("{{", "{").replace("}}", "}"))
    with Daemon(node, "--gpu-command-overrides", file) as daemon:
        target = "/gpu/set_power_limit?gpu_ids=1,3&power_limit_mw=253999&block=true"
        assert daemon.post(target).status == 200
        assert sorted(seen.read_text().split("\n")[:-1]) == ["1 253999 253", "3 253999 253"]
        assert node.settings()[1][0] == 300000  # the driver was not asked
        reply = daemon.post("/gpu/set_persistence_mode?gpu_ids=0&enabled=true&block=true")
        assert reply.status == 500
        for words in ("exit", "7", "no way"):
            assert words in reply.json["errors"]["0"]
        reply = daemon.post("/gpu/reset_gpu_locked_clocks?gpu_ids=0&block=true")
        assert reply.status == 500 and "Failed to reset" in reply.json["errors"]["0"]
        # A slow command holds up the device's writes, never its reads.
        with Stream(daemon, "/gpu/stream_power?gpu_ids=2") as stream:
            assert daemon.post("/gpu/reset_mem_locked_clocks?gpu_ids=2&block=false").status == 200
            assert daemon.get("/gpu/get_power?gpu_ids=2").status == 200
            assert stream.event()["gpu_id"] == 2
            reply = daemon.post("/gpu/reset_mem_locked_clocks?gpu_ids=2&block=true")
            assert reply.status == 500 and "timed out" in reply.json["errors"]["2"]
        # What is not overridden goes to the driver.
        assert daemon.post("/gpu/set_gpu_locked_clocks?gpu_ids=0&min_clock_mhz=1005"
                           "&max_clock_mhz=1500&block=true").status == 200
        assert node.settings()[0][2] == (1005, 1500)
        assert daemon.post("/gpu/reset_locked_clocks?gpu_ids=0&block=true").status == 200


def test_a_stop_ends_a_running_command(node, tmp_path):
    file = write_overrides(tmp_path / "overrides.toml",
                           '[reset_locked_clocks]\ncommands = ["sleep 100"]\n')
    daemon = Daemon(node, "--gpu-command-overrides", file)
    assert daemon.post("/gpu/reset_locked_clocks?gpu_ids=0&block=false").status == 200
    daemon.process.terminate()
    assert daemon.process.wait(timeout=10) == 0


@pytest.mark.parametrize("text,mode,words", [
    ("[set_fan]\ncommands = ['x']\n", 0o600, ["unknown field", "set_fan"]),
    ("[set_power_limit]\ncommands = []\n", 0o600, ["commands"]),
    ("[set_power_limit]\ncommands = ['x {enabled}']\n", 0o600, ["set_power_limit", "{enabled}"]),
    ("[set_power_limit]\ncommands = ['x']\ntimeout_s = 0\n", 0o600, ["timeout_s"]),
    ("[set_power_limit]\ncommands = ['x']\nerror_pattern = '('\n", 0o600, ["error_pattern"]),
    ("", 0o602, ["overrides.toml"])])
def test_overrides_refused(node, tmp_path, text, mode, words):
    file = tmp_path / "overrides.toml"
    file.write_text(text)
    os.chmod(file, mode)
    done = subprocess.run([ZEUSD, "--check-config", "--gpu-command-overrides", file], env=node.env,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr, done.stderr


def wait_for_lines(path, count):
    deadline = time.monotonic() + 20
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < deadline, path.read_text() if path.exists() else "no audit log"
        time.sleep(0.005)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_audit_log(node, tmp_path):
    path = tmp_path / "audit.log"
    with Daemon(node, "--audit-log", path) as daemon:
        daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=200000&block=true&lease=a&ttl_s=9")
        daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=1&block=true&lease=a&ttl_s=9")
        daemon.post("/lease/release?lease=a")
        write, refused, restore = wait_for_lines(path, 3)
        assert (write["operation"], write["outcome"], write["lease"]) == (
            "set_power_limit", "ok", "a")
        assert write["changes"] == [{"setting": "power_limit", "old": 300000, "new": 200000}]
        assert (write["uid"], write["pid"], write["pci_address"]) == (
            os.getuid(), os.getpid(), "0000:17:00.0")
        assert refused["outcome"] != "ok" and refused["reason"]
        assert restore["event"] == "restore"
        assert restore["changes"] == [{"setting": "power_limit", "old": 200000, "new": 300000}]
        # Rotation: the file is moved away, SIGHUP opens a new one.
        path.rename(tmp_path / "audit.log.1")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_ready()
        daemon.post("/gpu/set_persistence_mode?gpu_ids=1&enabled=false&block=true")
        assert wait_for_lines(path, 1)[0]["operation"] == "set_persistence_mode"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
