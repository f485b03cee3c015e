// SPDX-License-Identifier: Apache-2.0
/*
 * The page's life: find out what is there, ask for a token where one is wanted, follow the streams,
 * ask now and then for what has no stream, and stop all of it while nobody looks: a hidden page
 * costs the daemon nothing.
 */
import { getJson, Refused, Stream } from "./stream.js";
import { Node } from "./model.js";
import { Board, byId, showNotice, showState } from "./view.js";

const TOKEN_KEY = "zeusd-token";
const THEME_KEY = "zeus-theme";
const THEMES = ["auto", "light", "dark"];
const POLL_MS = 2000;
const SLOW_EVERY = 5; /* polls */
const HIDDEN_PATIENCE_MS = 5000;
const STALE_MS = 3500;
const RETRY_MS = 2000;

/* What the page asks for again and again; `slow` ones less often. `needs` is a feature. */
const questions = [
  { path: "/lease/list", needs: "lease", take: (n, a) => n.takeLeases(a, Date.now()) },
  { path: "/gpu/get_temperature", needs: "temperature_stream", isPartial: true,
    take: (n, a) => n.takeTemperatures(a) },
  { path: "/gpu/get_clocks", needs: "clocks_stream", isPartial: true, take: (n, a) => n.takeClocks(a) },
  { path: "/gpu/get_power_limit", isPartial: true, take: (n, a) => n.takeLimits(a) },
  { path: "/gpu/get_processes", needs: "clocks_stream", isPartial: true, isSlow: true,
    take: (n, a) => n.takeProcesses(a) },
  { path: "/gpu/get_power_limit_constraints", isPartial: true, isSlow: true,
    take: (n, a) => n.takeRanges(a) },
];

class Page {
  constructor(discovery) {
    this.discovery = discovery;
    this.features = discovery.zeusd?.features ?? [];
    this.groups = discovery.enabled_api_groups ?? [];
    this.token = sessionStorage.getItem(TOKEN_KEY) ?? "";
    this.streams = [];
    this.links = new Map();
    this.refused = new Set(); /* paths that this token may not ask */
    this.polls = 0;
    this.isRunning = false;
  }

  /* Who may see what; a bad token leads back to the prompt. */
  async begin() {
    if (this.discovery.auth_required) {
      if (!this.token) {
        this.askForToken("");
        return;
      }
      try {
        await getJson("/auth/whoami", this.token);
      } catch (error) {
        if (error instanceof Refused && error.status === 401) {
          this.askForToken("That token was refused.");
          return;
        }
        throw error;
      }
    }
    byId("sign-in").hidden = true;
    byId("sign-out").hidden = !this.discovery.auth_required;
    this.node = new Node(this.discovery);
    this.board = new Board(this.node);
    this.board.showParts(this.features, this.node.ofKind("gpu").length > 0);
    await this.readHistory(true);
    this.start();
  }

  askForToken(problem) {
    sessionStorage.removeItem(TOKEN_KEY);
    this.stop();
    byId("board").hidden = true;
    byId("sign-out").hidden = true;
    byId("sign-in").hidden = false;
    byId("sign-in-problem").textContent = problem;
    byId("token").value = "";
    byId("token").focus();
    showState("locked", "token wanted");
  }

  start() {
    if (this.isRunning) {
      return;
    }
    this.isRunning = true;
    if (this.node.ofKind("gpu").length) {
      this.follow("/gpu/stream_power", (event) => this.node.hearGpu(event, Date.now()));
    }
    if (this.node.ofKind("cpu").length) {
      this.follow("/cpu/stream_power", (event) => this.node.hearCpu(event, Date.now()));
    }
    this.ticker = setInterval(() => this.tick(), 500);
    this.poll();
  }

  stop() {
    this.isRunning = false;
    clearInterval(this.ticker);
    clearTimeout(this.poller);
    for (const stream of this.streams) {
      stream.close();
    }
    this.streams = [];
    this.links.clear();
  }

  follow(path, hear) {
    this.links.set(path, false);
    this.streams.push(new Stream(path, this.token, {
      event: hear,
      link: (isUp) => this.links.set(path, isUp),
      lost: (count) => { this.node.lostEvents += count; },
      refused: (error) => this.refuse(path, error),
    }));
  }

  refuse(path, error) {
    if (error.status === 401) {
      this.askForToken("The token has expired or was revoked.");
      return;
    }
    this.links.delete(path);
    this.refused.add(path);
    const words = error.status === 403 ? "The token does not allow" : "This daemon does not serve";
    showNotice(`${words}: ${[...this.refused].join(", ")}`);
  }

  tick() {
    const nowMs = Date.now();
    this.half = !this.half;
    if (this.half) {
      this.node.tick(nowMs);
      this.board.draw(nowMs);
    }
    this.board.update(nowMs);
    this.showLink(nowMs);
  }

  showLink(nowMs) {
    const newestMs = this.node.newestMs();
    if ([...this.links.values()].some((isUp) => !isUp)) {
      showState(newestMs ? "reconnecting" : "connecting", newestMs ? "reconnecting" : "connecting");
    } else if (this.links.size === 0) {
      showState("idle", "nothing to follow");
    } else if (newestMs !== null && nowMs - newestMs > STALE_MS) {
      showState("stale", `stale: no reading for ${Math.round((nowMs - newestMs) / 1000)} s`);
    } else {
      showState(newestMs ? "live" : "connecting", newestMs ? "live" : "waiting for the first reading");
    }
  }

  async poll() {
    const isSlow = this.polls % SLOW_EVERY === 0;
    this.polls += 1;
    for (const question of questions) {
      if (this.isRunning && this.isAskable(question) && (isSlow || !question.isSlow)) {
        await this.ask(question);
      }
    }
    const wantsToday = this.polls > 1 && this.node.total(Date.now()).todayJ === null;
    if (((isSlow && this.polls > 1) || wantsToday) && this.isRunning) {
      await this.readHistory(false);
    }
    if (isSlow && this.polls > 1 && this.isRunning) {
      await this.lookForDevices();
    }
    if (this.isRunning) {
      this.poller = setTimeout(() => this.poll(), POLL_MS);
    }
  }

  /* A GPU that came later, or says its name now: the page begins anew, with the hour before. */
  async lookForDevices() {
    try {
      const found = await getJson("/discover", "");
      const told = (d) => JSON.stringify([d.gpus, d.cpus]);
      if (told(found) !== told(this.discovery)) {
        window.location.reload();
      }
    } catch {
      /* the streams say that the daemon is away */
    }
  }

  isAskable(question) {
    return this.node.ofKind("gpu").length > 0 && !this.refused.has(question.path) &&
      this.groups.includes("gpu-read") && (!question.needs || this.features.includes(question.needs));
  }

  async ask(question) {
    const isPartial = question.isPartial && this.features.includes("partial");
    try {
      question.take(this.node,
        await getJson(question.path + (isPartial ? "?partial=true" : ""), this.token));
    } catch (error) {
      if (error instanceof Refused && [401, 403, 404].includes(error.status)) {
        this.refuse(question.path, error);
      } else if (!(error instanceof Refused) && !(error instanceof TypeError)) {
        throw error; /* a link that is down is the streams' to tell */
      }
    }
  }

  /* Ten minutes of points once, afterwards only the facts beside them. */
  async readHistory(withPoints) {
    if (!this.features.includes("history") || this.refused.has("/history")) {
      return;
    }
    const since = Date.now() - 600000;
    const query = withPoints ? `from_ms=${since}&step_ms=2000` : `from_ms=${Date.now()}`;
    try {
      this.node.takeHistory(await getJson(`/history?${query}`, this.token), withPoints, Date.now());
    } catch (error) {
      if (error instanceof Refused && [401, 403, 404].includes(error.status)) {
        this.refuse("/history", error);
      } else if (!(error instanceof Refused) && !(error instanceof TypeError)) {
        throw error;
      }
    }
  }
}

function setTheme(theme) {
  const isFixed = theme !== "auto";
  if (isFixed) {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
  byId("theme").textContent = `Theme: ${theme}`;
  byId("theme").setAttribute("aria-label",
    isFixed ? `Theme: ${theme}` : "Theme: as the system has it");
}

function watchPage(page) {
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    page.token = byId("token").value.trim();
    sessionStorage.setItem(TOKEN_KEY, page.token);
    byId("token").value = "";
    page.begin();
  });
  byId("sign-out").addEventListener("click", () => page.askForToken(""));
  let patience;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(patience);
    if (document.hidden) {
      patience = setTimeout(() => page.stop(), HIDDEN_PATIENCE_MS);
    } else if (page.node && byId("sign-in").hidden) {
      page.start();
    }
  });
  window.addEventListener("resize", () => page.board?.resize());
}

function watchTheme() {
  let theme = localStorage.getItem(THEME_KEY) ?? "auto";
  theme = THEMES.includes(theme) ? theme : "auto";
  setTheme(theme);
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(THEME_KEY, theme);
    setTheme(theme);
  });
}

async function discover() {
  for (;;) {
    try {
      return await getJson("/discover", "");
    } catch {
      showState("reconnecting", "the daemon does not answer");
      await new Promise((resume) => { setTimeout(resume, RETRY_MS); });
    }
  }
}

watchTheme();
const discovery = await discover();
const name = discovery.zeusd?.hostname ?? window.location.hostname;
byId("node").textContent = name;
document.title = `${name} · Zeus`;
byId("version").textContent = discovery.zeusd ? `zeusd ${discovery.zeusd.version}.` : "";
const page = new Page(discovery);
watchPage(page);
await page.begin();
