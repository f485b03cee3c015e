// SPDX-License-Identifier: Apache-2.0
/*
 * What the page knows of a node: devices, their parts (a GPU; a CPU's package and DRAM), power with
 * its error, energy since the page opened, and the sum that counts no joule twice. No DOM here.
 */
import { Trace } from "./charts.js";

const FRESH_MS = 3500;

/* A counter that may begin again counts from there. */
class Spent {
  constructor() {
    this.sumUj = 0;
    this.lastUj = null;
  }

  see(energyUj) {
    if (energyUj === null || energyUj === undefined) {
      return;
    }
    if (this.lastUj !== null && energyUj >= this.lastUj) {
      this.sumUj += energyUj - this.lastUj;
    }
    this.lastUj = energyUj;
  }

  joules() {
    return this.lastUj === null ? null : this.sumUj / 1e6;
  }
}

/* One place where power is drawn. */
class Part {
  constructor(isInTotal) {
    this.powerW = null;
    this.heardMs = null; /* our clock */
    this.isInTotal = isInTotal;
    this.error = null; /* {gain, offsetW} of the sensor's class */
    this.sensorClass = "";
    this.today = null; /* {joules, sinceMs, untilMs (our clock), holes, spentThen} */
    this.spent = new Spent();
    this.trace = new Trace();
  }

  isFresh(nowMs) {
    return this.heardMs !== null && nowMs - this.heardMs < FRESH_MS;
  }

  errorW(powerW) {
    return this.error ? powerW * this.error.gain + this.error.offsetW : null;
  }

  hear(powerMw, energyUj, timeMs, nowMs) {
    this.spent.see(energyUj);
    if (powerMw === null || powerMw === undefined) {
      return;
    }
    this.powerW = powerMw / 1000;
    this.heardMs = nowMs;
    this.trace.add(timeMs, this.powerW, this.errorW(this.powerW) ?? 0);
  }

  /* Energy of the day so far: what the daemon said plus what was spent since. Not known after the
   * node's midnight until it is asked again. */
  todayJ(nowMs) {
    if (!this.today || nowMs >= this.today.untilMs) {
      return null;
    }
    return this.today.joules + (this.spent.joules() ?? 0) - this.today.spentThen;
  }
}

export class Device {
  constructor(kind, id, name, detail) {
    this.kind = kind;
    this.id = id;
    this.name = name;
    this.detail = detail;
    this.parts = new Map();
    this.temperatureC = null;
    this.clocks = { graphics: null, memory: null };
    this.limitW = null;
    this.limits = null; /* {minW, maxW} */
    this.problem = ""; /* the daemon's words on the last failed read */
    this.holds = [];
    this.processes = null;
  }

  title() {
    return `${this.kind === "gpu" ? "GPU" : "CPU"} ${this.id}`;
  }

  main() {
    return this.parts.get(this.kind === "gpu" ? "gpu" : "package");
  }
}

export class Node {
  constructor(discovery) {
    this.devices = new Map();
    this.trace = new Trace();
    this.offsetMs = 0; /* the node's clock less ours */
    this.lostEvents = 0;
    for (const gpu of discovery.gpus ?? []) {
      const device = new Device("gpu", gpu.id, gpu.name, gpu.pci_address ?? "");
      device.parts.set("gpu", new Part(true));
      this.devices.set(`gpu${gpu.id}`, device);
    }
    for (const cpu of discovery.cpus ?? []) {
      const device = new Device("cpu", cpu.id, `package-${cpu.id}`, "");
      device.parts.set("package", new Part(true));
      if (cpu.dram_available) {
        device.parts.set("dram", new Part(true));
      }
      this.devices.set(`cpu${cpu.id}`, device);
    }
  }

  ofKind(kind) {
    return [...this.devices.values()].filter((device) => device.kind === kind);
  }

  /* Events of the power streams. */
  hearGpu(event, nowMs) {
    const part = this.devices.get(`gpu${event.gpu_id}`)?.main();
    this.offsetMs = event.timestamp_ms - nowMs;
    part?.hear(event.power_mw, event.energy_uj, event.timestamp_ms, nowMs);
  }

  hearCpu(event, nowMs) {
    const device = this.devices.get(`cpu${event.cpu_id}`);
    this.offsetMs = event.timestamp_ms - nowMs;
    device?.parts.get("package")
      .hear(event.cpu_mw, event.cpu_energy_uj, event.timestamp_ms, nowMs);
    device?.parts.get("dram")
      ?.hear(event.dram_mw, event.dram_energy_uj, event.timestamp_ms, nowMs);
  }

  partOf(series) {
    const device = this.devices.get(`${series.device}${series.id}`);
    if (series.device === "gpu") {
      return device?.parts.get("gpu");
    }
    return device?.parts.get(series.domain === "dram" ? "dram" : "package");
  }

  /* The daemon's history: facts of the sensors, the day so far, and, once, the minutes before the
   * page was opened. A domain inside another (a package's cores) has no part here. */
  takeHistory(history, withPoints, nowMs) {
    const sums = new Map();
    let counted = 0;
    for (const series of history.series) {
      const part = this.partOf(series);
      const isMain = /^(gpu|module|dram|package.*)$/.test(series.domain);
      if (!part || !isMain) {
        continue;
      }
      part.error = { gain: series.error.gain, offsetW: series.error.offset_mw / 1000 };
      part.sensorClass = series.sensor_class;
      part.isInTotal = series.in_node_total;
      part.today = series.today && {
        joules: series.today.energy_uj / 1e6, sinceMs: series.today.since_ms,
        untilMs: series.today.until_ms - history.now_ms + nowMs, holes: series.today.holes,
        spentThen: part.spent.joules() ?? 0,
      };
      counted += part.isInTotal ? 1 : 0;
      if (withPoints) {
        this.takePoints(series.points, part, sums);
      }
    }
    for (const [timeMs, sum] of sums) {
      if (sum.count === counted) { /* a sum without one of its parts would be a dip that never was */
        this.trace.add(timeMs, sum.powerW, sum.errorW);
      }
    }
  }

  takePoints(points, part, sums) {
    for (const [timeMs, , meanMw] of points) {
      if (meanMw === null) {
        continue;
      }
      const powerW = meanMw / 1000;
      const errorW = part.errorW(powerW) ?? 0;
      part.trace.add(timeMs, powerW, errorW);
      if (part.isInTotal) {
        const sum = sums.get(timeMs) ?? { powerW: 0, errorW: 0, count: 0 };
        sum.powerW += powerW;
        sum.errorW += errorW;
        sum.count += 1;
        sums.set(timeMs, sum);
      }
    }
  }

  /* The node's sum now. `missing` names the devices that should be in it and have no reading;
   * systematic errors add plainly. */
  total(nowMs) {
    const total = { powerW: 0, errorW: 0, openJ: 0, todayJ: 0, sinceMs: 0, holes: 0, missing: [],
      counted: 0, parts: 0 };
    for (const device of this.devices.values()) {
      for (const part of device.parts.values()) {
        if (!part.isInTotal) {
          continue;
        }
        total.parts += 1;
        const spentJ = part.spent.joules();
        const todayJ = part.todayJ(nowMs);
        total.openJ += spentJ ?? 0;
        total.todayJ = todayJ === null || total.todayJ === null ? null : total.todayJ + todayJ;
        total.sinceMs = Math.max(total.sinceMs, part.today?.sinceMs ?? 0);
        total.holes += part.today?.holes ?? 0;
        if (!part.isFresh(nowMs)) {
          total.missing.push(device.title());
          continue;
        }
        total.counted += 1;
        total.powerW += part.powerW;
        const errorW = part.errorW(part.powerW);
        total.errorW = errorW === null || total.errorW === null ? null : total.errorW + errorW;
      }
    }
    total.missing = [...new Set(total.missing)];
    return total;
  }

  /* Once a second: the sum as a point of its own trace, unless a part of it is missing. */
  tick(nowMs) {
    const total = this.total(nowMs);
    if (total.counted > 0 && total.missing.length === 0) {
      this.trace.add(nowMs + this.offsetMs, total.powerW, total.errorW ?? 0);
    }
  }

  newestMs() {
    let newest = null;
    for (const device of this.devices.values()) {
      for (const part of device.parts.values()) {
        newest = Math.max(newest ?? 0, part.heardMs ?? 0) || newest;
      }
    }
    return newest;
  }

  takeTemperatures(answer) {
    this.take(answer, (device, value) => { device.temperatureC = value.temperature_c; },
      (device) => { device.temperatureC = null; });
  }

  takeClocks(answer) {
    this.take(answer,
      (device, value) => {
        device.clocks = { graphics: value.graphics_mhz, memory: value.memory_mhz };
      },
      (device) => { device.clocks = { graphics: null, memory: null }; });
  }

  takeLimits(answer) {
    this.take(answer, (device, value) => { device.limitW = value.power_limit_mw / 1000; },
      (device) => { device.limitW = null; });
  }

  takeRanges(answer) {
    this.take(answer, (device, value) => {
      device.limits = { minW: value.min_power_limit_mw / 1000, maxW: value.max_power_limit_mw / 1000 };
    }, (device) => { device.limits = null; });
  }

  takeProcesses(answer) {
    this.take(answer, (device, value) => { device.processes = value.processes; },
      (device) => { device.processes = null; });
  }

  take(answer, set, forget) {
    for (const device of this.ofKind("gpu")) {
      const value = answer[String(device.id)];
      if (value) {
        set(device, value);
      } else {
        forget(device);
        device.problem = answer.errors?.[String(device.id)] ?? device.problem;
      }
    }
  }

  takeLeases(answer, nowMs) {
    for (const device of this.devices.values()) {
      device.holds = [];
    }
    for (const lease of answer.leases) {
      for (const hold of lease.holds) {
        this.devices.get(`gpu${hold.gpu_id}`)?.holds.push({
          ...hold, lease: lease.lease, owner: lease.owner, bind: lease.bind,
          endsMs: lease.expires_in_s === null || lease.expires_in_s === undefined
            ? null : nowMs + lease.expires_in_s * 1000,
        });
      }
    }
  }
}
