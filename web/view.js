// SPDX-License-Identifier: Apache-2.0
/*
 * The page as a function of the model: cards are made once, texts are set where they changed.
 * Everything goes in as text, never as markup.
 */
import { Chart, niceTop } from "./charts.js";
import * as text from "./text.js";

const HISTORY_STEP_S = 3;

export function byId(id) {
  return document.getElementById(id);
}

/* el("p", "fine", "text", child, ...) */
function el(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) {
    element.className = className;
  }
  element.append(...content);
  return element;
}

function setText(element, value) {
  if (element.textContent !== value) {
    element.textContent = value;
  }
}

function fact(list, label, className) {
  const value = el("dd", "", text.UNKNOWN);
  list.append(el("div", className ?? "", el("dt", "", label), value));
  return value;
}

/* Who holds what, and for how long. */
function holdText(hold, nowMs) {
  const left = hold.endsMs === null ? "" : ` · ${text.duration((hold.endsMs - nowMs) / 1000)} left`;
  const what = hold.setting.replace("_", " ");
  return `${what} ${text.setting(hold.setting, hold.value)}: lease ${hold.lease} of ${hold.owner}${left}`;
}

class Card {
  constructor(device) {
    this.device = device;
    const title = el("h3", "", device.title());
    title.id = `title-${device.kind}${device.id}`;
    this.power = el("span", "number", text.UNKNOWN);
    this.error = el("span", "error", "");
    this.chartBox = el("div", "chart");
    this.chartBox.setAttribute("role", "img");
    this.chartBox.setAttribute("aria-label", `Power of ${device.title()}, up to the last ten minutes`);
    this.chart = new Chart(this.chartBox, false);
    this.meter = el("span", "");
    this.chips = el("div", "chips");
    this.facts = el("dl", "facts");
    const name = el("span", "name", device.name);
    name.title = [device.name, device.detail].filter(Boolean).join(" · ");
    this.root = el("li", "card",
      el("div", "card-head", title, name),
      el("p", "power", this.power, " ", el("span", "unit", "W"), " ", this.error),
      this.chartBox);
    this.root.setAttribute("aria-labelledby", title.id);
    this.root.dataset.device = `${device.kind}${device.id}`;
    this.addFacts();
  }

  addFacts() {
    if (this.device.kind === "gpu") {
      this.root.append(el("div", "meter", this.meter));
      this.limit = fact(this.facts, "power limit", "wide");
      this.temperature = fact(this.facts, "temperature");
      this.clock = fact(this.facts, "clock");
      this.processes = fact(this.facts, "processes");
      this.memoryClock = fact(this.facts, "memory");
    } else {
      this.dram = fact(this.facts, "DRAM", "wide");
    }
    this.open = fact(this.facts, "since open");
    this.today = fact(this.facts, "today");
    this.root.append(this.facts, this.chips);
  }

  update(nowMs) {
    const { device } = this;
    const part = device.main();
    const isFresh = part.isFresh(nowMs);
    const errorW = isFresh ? part.errorW(part.powerW) : null;
    setText(this.power, isFresh ? text.watts(part.powerW, errorW) : text.UNKNOWN);
    setText(this.error, isFresh ? text.plusMinus(errorW) : "");
    this.error.title = part.sensorClass ? `systematic error of ${part.sensorClass}` : "";
    setText(this.open, text.energy(this.sum((p) => p.spent.joules())));
    setText(this.today, text.energy(this.sum((p) => p.todayJ(nowMs))));
    if (device.kind === "gpu") {
      this.updateGpu(isFresh);
    } else {
      const dram = device.parts.get("dram");
      setText(this.dram, dram?.isFresh(nowMs)
        ? `${text.watts(dram.powerW)} W ${text.plusMinus(dram.errorW(dram.powerW))}` : text.UNKNOWN);
    }
    this.updateChips(isFresh, part, nowMs);
  }

  /* Of the card's parts that are in the node's sum; unknown when one of them is. */
  sum(of) {
    let sum = 0;
    for (const part of this.device.parts.values()) {
      const value = of(part);
      if (value === null) {
        return null;
      }
      sum += value;
    }
    return sum;
  }

  updateGpu(isFresh) {
    const { device } = this;
    const range = device.limits ? ` of ${text.wholeWatts(device.limits.maxW)}` : "";
    setText(this.limit, `${text.wholeWatts(device.limitW)}${device.limitW ? range : ""}`);
    setText(this.temperature, text.celsius(device.temperatureC));
    setText(this.clock, text.megahertz(device.clocks.graphics));
    setText(this.memoryClock, text.megahertz(device.clocks.memory));
    setText(this.processes,
      isFresh && device.processes ? String(device.processes.length) : text.UNKNOWN);
    const share = isFresh && device.limitW ? device.main().powerW / device.limitW : 0;
    this.meter.style.width = `${Math.min(100, Math.round(share * 100))}%`;
  }

  updateChips(isFresh, part, nowMs) {
    const lines = this.device.holds.map((hold) => ["chip", holdText(hold, nowMs)]);
    if (!isFresh && part.heardMs !== null) {
      const silence = text.duration((nowMs - part.heardMs) / 1000);
      lines.unshift(["chip bad", `no reading for ${silence}${this.reason()}`]);
    } else if (!isFresh && this.device.problem) {
      lines.unshift(["chip bad", `no reading${this.reason()}`]);
    }
    this.root.classList.toggle("lost", lines.length > 0 && lines[0][0] !== "chip");
    while (this.chips.children.length > lines.length) {
      this.chips.lastChild.remove();
    }
    lines.forEach(([className, line], i) => {
      const chip = this.chips.children[i] ?? this.chips.appendChild(el("p", ""));
      chip.className = className;
      setText(chip, line);
    });
  }

  reason() {
    return this.device.problem ? `: ${this.device.problem}` : "";
  }

  draw(nowSecond, spanS) {
    const rows = this.device.main().trace.rows(nowSecond, HISTORY_STEP_S);
    const highest = rows.reduce((most, [, [, , high]]) => Math.max(most, high ?? 0), 0);
    const topW = Math.max(this.device.limitW ?? 0, niceTop(highest));
    this.chart.draw(rows, nowSecond, spanS, topW);
  }
}

/* Rows of a table's body, reused so that a selection or a reader's place is not lost. */
function fillRows(body, rows) {
  while (body.children.length > rows.length) {
    body.lastChild.remove();
  }
  rows.forEach((cells, i) => {
    const row = body.children[i] ?? body.appendChild(el("tr", ""));
    cells.forEach((cell, c) => setText(row.children[c] ?? row.appendChild(el("td", "")), cell));
  });
}

export class Board {
  constructor(node) {
    this.node = node;
    this.cards = [];
    for (const kind of ["gpu", "cpu"]) {
      const list = byId(`${kind}-cards`);
      list.replaceChildren();
      const devices = node.ofKind(kind);
      for (const device of devices) {
        const card = new Card(device);
        this.cards.push(card);
        list.append(card.root);
      }
      byId(`${kind}s`).hidden = devices.length === 0;
    }
    byId("no-gpu").hidden = node.ofKind("gpu").length > 0;
    setText(byId("no-gpu"), node.devices.size > 0 ? "No GPU is served by this daemon."
      : "No device is served by this daemon. Its log says why, and so does zeus doctor.");
    byId("total-chart").replaceChildren();
    this.chart = new Chart(byId("total-chart"), true);
    byId("board").hidden = false;
  }

  showParts(features, hasGpus) {
    byId("leases").hidden = !features.includes("lease") || !hasGpus;
    byId("processes").hidden = !hasGpus;
  }

  update(nowMs) {
    this.updateTotal(this.node.total(nowMs));
    for (const card of this.cards) {
      card.update(nowMs);
    }
    this.updateLeases(nowMs);
    this.updateProcesses();
  }

  updateTotal(total) {
    const isKnown = total.counted > 0;
    setText(byId("total-power"), isKnown ? text.watts(total.powerW, total.errorW) : text.UNKNOWN);
    setText(byId("total-error"), isKnown ? text.plusMinus(total.errorW) : "");
    const missing = total.missing.length && isKnown ? `Without ${total.missing.join(", ")}. ` : "";
    const lost = this.node.lostEvents ? `${this.node.lostEvents} events skipped on a slow link.` : "";
    setText(byId("total-note"), missing + lost);
    setText(byId("total-open"), isKnown ? this.withHours(total.openJ) : text.UNKNOWN);
    const isToday = total.todayJ !== null && total.parts > 0;
    const least = total.holes > 0 ? "≥ " : ""; /* something was left out: it is at least that */
    setText(byId("total-today"), isToday ? least + this.withHours(total.todayJ) : text.UNKNOWN);
    setText(byId("total-today-label"),
      isToday && total.sinceMs ? `today, since ${text.clockTime(total.sinceMs)}` : "today");
  }

  withHours(joules) {
    const hours = text.kilowattHours(joules);
    return joules >= 3600 ? `${text.energy(joules)} (${hours})` : text.energy(joules);
  }

  updateLeases(nowMs) {
    const rows = [];
    for (const device of this.node.ofKind("gpu")) {
      for (const hold of device.holds) {
        rows.push([device.title(), hold.setting.replace("_", " "),
          text.setting(hold.setting, hold.value), text.setting(hold.setting, hold.original),
          hold.lease, hold.owner,
          hold.endsMs === null ? "while held" : text.duration((hold.endsMs - nowMs) / 1000)]);
      }
    }
    fillRows(byId("lease-rows"), rows);
    byId("no-lease").hidden = rows.length > 0;
    byId("lease-scroll").hidden = rows.length === 0;
  }

  updateProcesses() {
    const rows = [];
    for (const device of this.node.ofKind("gpu")) {
      for (const process of device.processes ?? []) {
        rows.push([device.title(), String(process.pid), text.bytes(process.memory_bytes)]);
      }
    }
    fillRows(byId("process-rows"), rows);
    byId("no-process").hidden = rows.length > 0;
    byId("process-scroll").hidden = rows.length === 0;
  }

  draw(nowMs) {
    const nowSecond = Math.floor((nowMs + this.node.offsetMs) / 1000);
    const rows = this.node.trace.rows(nowSecond, HISTORY_STEP_S);
    const highest = rows.reduce((most, [, [, , high]]) => Math.max(most, high ?? 0), 0);
    const spanS = Math.max(this.node.trace.spanS(nowSecond),
      ...this.cards.map((card) => card.device.main().trace.spanS(nowSecond)));
    this.chart.draw(rows, nowSecond, spanS, niceTop(highest));
    for (const card of this.cards) {
      card.draw(nowSecond, spanS);
    }
  }

  resize() {
    this.chart.resize();
    for (const card of this.cards) {
      card.chart.resize();
    }
  }
}

export function showState(state, words) {
  const element = byId("state");
  if (element.dataset.state !== state) {
    element.dataset.state = state;
  }
  setText(byId("state-text"), words);
}

export function showNotice(words) {
  setText(byId("notice"), words);
  byId("notice").hidden = !words;
}
