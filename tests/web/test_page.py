# SPDX-License-Identifier: Apache-2.0
"""The daemon's page in headless Chromium, against a daemon made of Python (fake_daemon.py)."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import browser as browsers  # noqa: E402
from fake_daemon import DYGRAPHS, Daemon, Node  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not browsers.PROGRAM, reason="no Chromium (Debian package chromium)"),
    pytest.mark.skipif(not DYGRAPHS.is_dir(), reason="no dygraphs (Debian package libjs-dygraphs)"),
]


@pytest.fixture(scope="module", name="browser")
def browser_fixture():
    browser = browsers.Browser()
    yield browser
    browser.close()


@pytest.fixture(name="visit")
def visit_fixture(browser):
    """visit(node, ...) opens the page of a daemon and closes both at the end; a page that logged
    an error or asked anybody else for anything fails the test."""
    opened = []

    def visit(node, may_complain=False, **how):
        daemon = Daemon(node)
        daemon.__enter__()
        page = browser.page(**how)
        opened.append((daemon, page, may_complain))
        page.open(daemon.url)
        return page

    yield visit
    for daemon, page, may_complain in opened:
        requests, problems = page.requests, page.problems
        page.close()
        daemon.__exit__()
        foreign = [url for url in requests if not url.startswith((daemon.url, "data:"))]
        assert foreign == [], "the page asked somebody else"
        if not may_complain:
            assert problems == [], "the page complained"


def number(text):
    return float(re.sub(r"[^0-9.]", "", text))


def powers(page, seconds=3):
    seen = set()
    for _ in range(seconds * 4):
        seen.add(page.text("#total-power"))
        page.browser.pump(0.25)
    return seen


def test_shows_moving_power(visit):
    page = visit(Node(gpus=4, cpus=2))
    page.wait_text("#state", "live")
    assert page.text("#node") == "node17"
    seen = powers(page)
    assert len(seen) >= 3, seen
    assert all(1200 < number(text) < 2600 for text in seen), seen
    assert page.text("#total-error").startswith("±")
    assert page.evaluate("document.querySelectorAll('#gpu-cards .card').length") == 4
    assert page.evaluate("document.querySelectorAll('#cpu-cards .card').length") == 2
    page.wait_text("[data-device=gpu0]", "48 °C")
    page.wait_text("[data-device=gpu0]", "1,980 MHz")
    page.wait_text("[data-device=gpu0]", "700 W of 700 W")
    page.wait_text("[data-device=gpu2]", "memory\n–")  # a clock nobody knows is a dash
    page.wait_text("#processes", "4711")
    page.wait_text("#processes", "unknown")
    page.wait_text("#total-today", "kWh")
    assert page.text("#total-open") not in (None, "–", "0 J")
    # every card has its picture, drawn
    assert page.evaluate("[...document.querySelectorAll('.chart')]"
                         ".every(c => c.clientHeight > 40 && c.querySelector('canvas'))")


def test_a_gpu_that_comes_later(visit):
    node = Node(gpus=2, cpus=1)
    page = visit(node)
    page.wait_text("#state", "live")
    assert page.evaluate("document.querySelectorAll('#gpu-cards .card').length") == 2
    node.gpus = 3
    page.wait_text("#gpu-cards", "GPU 2")
    page.wait_text("#state", "live")
    assert page.evaluate("document.querySelectorAll('#gpu-cards .card').length") == 3


def test_total_is_the_sum_of_its_parts(visit):
    page = visit(Node(gpus=2, cpus=1))
    page.wait_text("#state", "live")
    page.wait_text("[data-device=cpu0]", "± ")
    page.browser.pump(1)
    total, parts = page.evaluate("""(() => {
      const watts = (e) => Number(e.textContent.replace(/[^0-9.]/g, ''));
      const dram = [...document.querySelectorAll('[data-device=cpu0] dd')][0].textContent;
      return [watts(document.querySelector('#total-power')),
        [...document.querySelectorAll('.card .number')].map(watts).reduce((a, b) => a + b, 0)
        + Number(dram.split(' ')[0])];
    })()""")
    assert abs(total - parts) < 3


def test_a_lease_appears_and_disappears(visit):
    node = Node(gpus=2, cpus=0)
    page = visit(node)
    page.wait_text("#state", "live")
    page.wait_text("#leases", "Nobody holds a setting.")
    node.lease(gpu=1, ttl_s=8)
    page.wait_text("#leases", "train")
    row = page.text("#lease-rows")
    assert "GPU 1" in row and "uid:1000" in row and "450 W" in row and "700 W" in row
    chip = page.wait_text("[data-device=gpu1] .chip", "lease train of uid:1000")
    left = int(re.search(r"(\d+) s left", chip).group(1))
    assert left <= 8
    page.browser.pump(2)
    assert int(re.search(r"(\d+) s left", page.text("[data-device=gpu1] .chip")).group(1)) < left
    page.wait_text("#leases", "Nobody holds a setting.")
    assert page.text("[data-device=gpu1] .chip") is None


def test_token_prompt(visit):
    token = "header.claims.signature"
    page = visit(Node(token=token), may_complain=True)  # a 401 is logged by the browser itself
    page.wait_text("#sign-in", "wants a token")
    assert page.text("#board") is None
    assert page.evaluate("document.activeElement.id") == "token"
    page.type("wrong")
    page.press("Enter", text="\r")
    page.wait_text("#sign-in-problem", "refused")
    page.type(token)
    page.press("Enter", text="\r")
    page.wait_text("#state", "live")
    assert page.text("#sign-in") is None
    assert page.evaluate("sessionStorage.getItem('zeusd-token')") == token
    assert page.evaluate("JSON.stringify({...localStorage}) + document.cookie") == "{}"
    assert not any(token in url for url in page.requests)
    # a reload keeps it, signing out forgets it
    page.call("Page.reload")
    page.wait_text("#state", "live")
    page.evaluate("document.getElementById('sign-out').click()")
    page.wait_text("#sign-in", "wants a token")
    assert page.evaluate("sessionStorage.length") == 0


def test_a_lost_gpu_is_said_and_not_zero(visit):
    node = Node(gpus=3, cpus=1)
    page = visit(node)
    page.wait_text("#state", "live")
    page.wait_text("[data-device=gpu1] .power", "±")
    node.lost = {1}
    page.wait_text("[data-device=gpu1] .chip", "no reading for")
    page.wait_text("[data-device=gpu1] .chip", "fell off the bus")
    assert page.text("[data-device=gpu1] .number") == "–"
    page.wait_text("#total-note", "Without GPU 1")
    assert page.text("#state") == "live"  # the others are
    node.lost = set()
    page.wait_for("!document.querySelector('[data-device=gpu1] .chip')")
    page.wait_text("[data-device=gpu1] .power", "±")


def test_states_of_the_link(visit):
    node = Node(gpus=1, cpus=1)
    page = visit(node, may_complain=True)
    page.wait_text("#state", "live")
    node.is_silent = True
    page.wait_text("#state", "stale: no reading for")
    assert page.text("#total-power") == "–"
    node.is_silent = False
    page.wait_text("#state", "live")
    node.is_cut = True
    page.wait_text("#state", "reconnecting")
    node.is_cut = False
    page.wait_text("#state", "live", timeout_s=25)


def test_no_gpu_and_nothing(visit):
    page = visit(Node(gpus=0, cpus=1))
    page.wait_text("#state", "live")
    page.wait_text("#no-gpu", "No GPU")
    assert page.text("#gpus") is None and page.text("#leases") is None
    assert not any("/gpu/" in url for url in page.requests)
    nothing = visit(Node(gpus=0, cpus=0))
    nothing.wait_text("#state", "nothing to follow")
    nothing.wait_text("#no-gpu", "No device")
    for number_of in ("#total-power", "#total-open", "#total-today"):
        assert nothing.text(number_of) == "–"


def test_hostile_names_stay_text(visit):
    node = Node(gpus=1, cpus=0, name="<img src=x onerror=alert(1)>")
    page = visit(node)
    page.wait_text("#state", "live")
    node.lease(gpu=0, name="<b>bold</b>", owner="\"><script>alert(1)</script>")
    page.wait_text("#lease-rows", "<b>bold</b>")
    assert page.text("#node") == node.name
    assert page.evaluate("document.querySelectorAll('img, b, main script').length") == 0


def test_a_hidden_page_asks_nothing(visit):
    node = Node(gpus=1, cpus=1)
    page = visit(node)
    page.wait_text("#state", "live")
    assert node.watchers == 2
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange')); 1")
    page.browser.pump(6)
    assert node.watchers == 0
    with node.lock:
        node.requests.clear()
    page.browser.pump(3)
    assert node.requests == []
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); 1")
    page.wait_text("#state", "live")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("gpus", [1, 16])
def test_fits_the_width(visit, width, gpus):
    page = visit(Node(gpus=gpus, cpus=2), width=width, height=800)
    page.wait_text("#state", "live")
    page.wait_text("[data-device=gpu0]", "°C")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = page.evaluate("""[...document.querySelectorAll('.card .power, .card dd, .big, .total dd')]
      .filter(e => e.checkVisibility()).filter(e => {
        const r = e.getBoundingClientRect(), c = (e.closest('.card') ?? e.closest('.total')).getBoundingClientRect();
        return r.right > c.right + 1 || r.left < c.left - 1; }).map(e => e.innerText)""")
    assert clipped == []


def contrast(page, selector):
    """WCAG contrast of an element's text with what is behind it."""
    return page.evaluate("""(e => {
      const channels = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
      let back = e;
      while (channels(getComputedStyle(back).backgroundColor)[3] === 0) { back = back.parentElement; }
      const a = light(channels(getComputedStyle(e).color));
      const b = light(channels(getComputedStyle(back).backgroundColor));
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    })(document.querySelector('""" + selector + "'))")


@pytest.mark.parametrize("dark", [False, True])
def test_both_themes_can_be_read(visit, dark):
    node = Node(gpus=2, cpus=1)
    node.lease(gpu=1, ttl_s=60)
    page = visit(node, dark=dark)
    page.wait_text("[data-device=gpu1] .chip", "train")
    node.lost = {0}
    page.wait_text("[data-device=gpu0] .chip", "no reading")
    for selector in ("#node", "#state-text", "#total-power", "#total-error", "#total-note", "h2",
                     ".card .name", ".card dt", ".card dd", "[data-device=gpu1] .chip",
                     "[data-device=gpu0] .chip", "th", "td", "#theme", "footer"):
        assert contrast(page, selector) >= 4.5, selector
    background = "getComputedStyle(document.documentElement).backgroundColor"
    before = page.evaluate(background)
    page.evaluate("document.getElementById('theme').click()")  # light
    page.evaluate("document.getElementById('theme').click()" if not dark else "1")  # dark
    assert page.evaluate(background) != before
    page.call("Page.reload")
    page.wait_text("#state", "live")
    assert page.evaluate(background) != before  # the choice is kept


def test_keyboard_and_names(visit):
    node = Node(gpus=1, cpus=1)
    node.lease(gpu=0, ttl_s=60)
    page = visit(node)
    page.wait_text("#lease-rows", "train")
    page.wait_text("#processes", "4711")
    order = []
    for _ in range(6):
        page.press("Tab")
        order.append(page.evaluate(
            "document.activeElement.id || document.activeElement.className"))
        if order[-1] and order[-1] != "skip":
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert order[:4] == ["skip", "theme", "lease-scroll", "process-scroll"]
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    nameless = [n["role"]["value"] for n in tree if not n.get("ignored") and
                n["role"]["value"] in ("button", "textbox", "image", "img", "region", "link") and
                not n.get("name", {}).get("value")]
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("document.querySelector('[role=status]').id") == "state"
