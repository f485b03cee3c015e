# SPDX-License-Identifier: Apache-2.0
"""The page as zeusd itself serves it, on the simulated node: loads, shows moving power, asks for a
token, shows a lease come and go, asks nobody else and complains about nothing.

ZEUS_SCREENSHOTS=DIR keeps pictures of what was seen."""
import os
import pathlib
import subprocess
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
import browser as browsers  # noqa: E402
from test_zeusd_auth import token  # noqa: E402
from zeusd import KEY, ZEUS, ZEUSD, Daemon, Node  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not browsers.PROGRAM, reason="no Chromium (Debian package chromium)"),
    pytest.mark.skipif(not ZEUSD.exists(), reason="zeusd is not built"),
]


@pytest.fixture(scope="module", name="browser")
def browser_fixture():
    browser = browsers.Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module", name="node")
def node_fixture():
    with Node() as node:
        yield node


@pytest.fixture(name="load")
def load_fixture(node):
    """GPU 0 works in bursts, so that its power moves."""
    stop = threading.Event()

    def run():
        while not stop.is_set():
            for level in ("0.9", "0.3"):
                subprocess.run([ZEUS, "sim", "load", "--device", "gpu0", "--level", level,
                                "--seconds", "0.7"], env=node.env, check=False,
                               capture_output=True)
                stop.wait(0.7)
    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


class Visit:
    def __init__(self, browser, daemon, **how):
        self.page = browser.page(**how)
        self.url = f"http://127.0.0.1:{daemon.port}/"
        self.page.open(self.url)

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        requests, problems = self.page.requests, self.page.problems
        self.page.close()
        if kind is None:
            assert [url for url in requests if not url.startswith((self.url, "data:"))] == []
            assert [p for p in problems if "401" not in p] == []


def keep(page, name):
    if os.environ.get("ZEUS_SCREENSHOTS"):
        page.screenshot(os.path.join(os.environ["ZEUS_SCREENSHOTS"], f"zeusd-{name}.png"))


@pytest.mark.parametrize("width,dark", [(1280, False), (1280, True), (360, False), (360, True)])
def test_shows_the_node(browser, node, load, width, dark):
    with Daemon(node, mode="both") as daemon:
        with Visit(browser, daemon, width=width, dark=dark) as page:
            page.wait_text("#state", "live")
            seen = set()
            for _ in range(16):
                seen.add(page.text("[data-device=gpu0] .number"))
                page.browser.pump(0.25)
            assert len(seen) >= 3, seen
            page.wait_text("[data-device=gpu3]", "°C")
            page.wait_text("[data-device=gpu3]", "1,593 MHz")
            page.wait_text("[data-device=gpu0]", "300 W of 300 W")
            page.wait_text("[data-device=cpu0]", "DRAM")
            page.wait_text("#total-error", "±")
            page.wait_text("#total-today", "J")
            assert page.text("#total-note") == ""
            assert page.evaluate("document.documentElement.scrollWidth") <= width

            assert daemon.post("/gpu/set_power_limit?gpu_ids=2&power_limit_mw=150000&block=true"
                               "&lease=night-run&ttl_s=60").status == 200
            page.wait_text("[data-device=gpu2] .chip", "lease night-run of uid:")
            row = page.text("#lease-rows")
            assert "150 W" in row and "300 W" in row and "GPU 2" in row
            page.wait_text("[data-device=gpu2]", "150 W of 300 W")
            keep(page, f"{width}-{'dark' if dark else 'light'}")
            assert daemon.post("/lease/release?lease=night-run").status == 200
            page.wait_text("#leases", "Nobody holds a setting.")
            page.wait_text("[data-device=gpu2]", "300 W of 300 W")


def test_token(browser, node):
    good = token("gpu-read", "cpu-read")
    with Daemon(node, mode="tcp", key=KEY) as daemon:
        with Visit(browser, daemon) as page:
            page.wait_text("#sign-in", "wants a token")
            keep(page, "token")
            page.type("no.such.token")
            page.press("Enter", text="\r")
            page.wait_text("#sign-in-problem", "refused")
            page.type(good)
            page.press("Enter", text="\r")
            page.wait_text("#state", "live")
            page.wait_text("[data-device=gpu0] .power", "±")
            assert not any(good in url for url in page.requests)


def test_token_without_cpus(browser, node):
    with Daemon(node, mode="tcp", key=KEY) as daemon:
        with Visit(browser, daemon) as page:
            page.wait_text("#sign-in", "wants a token")
            page.type(token("gpu-read"))
            page.press("Enter", text="\r")
            page.wait_text("#state", "live")
            page.wait_text("#notice", "does not allow: /cpu/stream_power")
            page.problems[:] = [p for p in page.problems if "403" not in p]


def test_a_lost_gpu_comes_back(browser):
    with Node(faults=["gpu1:at=6s:for=10s:GPU_IS_LOST"]) as node:
        with Daemon(node, mode="both") as daemon, Visit(browser, daemon) as page:
            page.wait_text("[data-device=gpu1] .power", "±")
            page.wait_text("[data-device=gpu1] .chip", "no reading for", timeout_s=20)
            assert page.text("[data-device=gpu1] .number") == "–"
            page.wait_text("#total-note", "Without GPU 1")
            keep(page, "lost")
            page.wait_for("!document.querySelector('[data-device=gpu1] .chip')", timeout_s=30)
            page.wait_text("[data-device=gpu1] .power", "±")


def test_the_daemon_restarts(browser, node, tmp_path):
    with Daemon(node, mode="both", directory=tmp_path) as daemon:
        with Visit(browser, daemon) as page:
            page.wait_text("#state", "live")
            daemon.stop()
            page.wait_text("#state", "reconnecting")
            assert page.text("#total-power") is not None
            page.problems.clear()  # the browser logs each refused connection
