// SPDX-License-Identifier: Apache-2.0
/*
 * Power over up to ten minutes as a line in its error band, drawn by dygraphs. A Trace keeps one
 * value a second; where a second has none the line is broken.
 */
const KEPT_S = 600;
const SHOWN_LEAST_S = 60;

/* Of dygraphs' plugins only these: the legend measures text with a style attribute, which the page's
 * content security policy refuses, and the others we do not use. */
if (window.Dygraph) {
  const { Axes, Grid } = window.Dygraph.Plugins;
  window.Dygraph.PLUGINS = [Axes, Grid];
}

/* Means by second, with the error band around them. */
export class Trace {
  constructor() {
    this.seconds = new Map(); /* second -> {sum, count, error} */
    this.newest = 0;
  }

  add(timeMs, powerW, errorW) {
    const second = Math.floor(timeMs / 1000);
    const old = this.seconds.get(second);
    const point = old ?? { sum: 0, count: 0, error: 0 };
    point.sum += powerW;
    point.count += 1;
    point.error = errorW;
    this.seconds.set(second, point);
    if (second > this.newest) {
      this.newest = second;
      for (const key of this.seconds.keys()) {
        if (key < second - KEPT_S) {
          this.seconds.delete(key);
        }
      }
    }
  }

  /* How far back there is something to show: the picture grows with it. */
  spanS(nowSecond) {
    let oldest = nowSecond;
    for (const second of this.seconds.keys()) {
      oldest = Math.min(oldest, second);
    }
    return Math.min(KEPT_S, Math.max(SHOWN_LEAST_S, nowSecond - oldest));
  }

  at(second) {
    const point = this.seconds.get(second);
    return point ? { mean: point.sum / point.count, error: point.error } : null;
  }

  /* Rows for dygraphs: [Date, [low, middle, high]], gaps as nulls. `step` seconds may lie between
   * two points without a gap (history is coarser than the stream). */
  rows(nowSecond, step) {
    const rows = [];
    let last = null;
    for (let second = nowSecond - KEPT_S; second <= nowSecond; second++) {
      const point = this.at(second);
      if (!point) {
        continue;
      }
      if (last !== null && second - last > step) {
        rows.push([new Date((last + 1) * 1000), [null, null, null]]);
      }
      rows.push([new Date(second * 1000),
        [Math.max(0, point.mean - point.error), point.mean, point.mean + point.error]]);
      last = second;
    }
    return rows;
  }
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

function hourAndMinute(date, withSeconds) {
  const seconds = withSeconds ? `:${twoDigits(date.getSeconds())}` : "";
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}${seconds}`;
}

/* One picture in an element. With `hasAxes` times and watts are written; without, it is a spark. */
export class Chart {
  constructor(element, hasAxes) {
    this.element = element;
    this.hasAxes = hasAxes;
    this.graph = null;
  }

  options(nowSecond, spanS, topW) {
    const isThere = this.hasAxes;
    return {
      customBars: true, labels: ["time", "power"], colors: [colour("--accent")],
      fillAlpha: 0.18, strokeWidth: 1.4, legend: "never", interactionModel: {},
      highlightCircleSize: 0, drawGrid: isThere, gridLineColor: colour("--line"),
      axisLineColor: colour("--line"), axisLabelColor: colour("--soft"), axisLabelFontSize: 11,
      dateWindow: [(nowSecond - spanS) * 1000, nowSecond * 1000], valueRange: [0, topW],
      xRangePad: 0, digitsAfterDecimal: 0,
      axes: {
        x: { drawAxis: isThere, drawGrid: false, pixelsPerLabel: 110,
          axisLabelFormatter: (date) => { /* none under the foot of the other axis */
            const fromS = date.getTime() / 1000 - nowSecond + spanS;
            return fromS < spanS / 20 ? "" : hourAndMinute(date, spanS < 240);
          } },
        y: { drawAxis: isThere, axisLabelWidth: 52, pixelsPerLabel: 40,
          axisLabelFormatter: (watts) => `${Math.round(watts)} W` },
      },
    };
  }

  draw(rows, nowSecond, spanS, topW) {
    if (!window.Dygraph || this.element.clientWidth === 0) {
      return;
    }
    const file = rows.length ? rows : [[new Date(nowSecond * 1000), [null, null, null]]];
    if (!this.graph) {
      this.graph = new window.Dygraph(this.element, file, this.options(nowSecond, spanS, topW));
      return;
    }
    this.graph.updateOptions({ file, ...this.options(nowSecond, spanS, topW) });
  }

  resize() {
    this.graph?.resize();
  }
}

/* A round number above the highest value. */
export function niceTop(highest) {
  if (!(highest > 0)) {
    return 100;
  }
  const unit = 10 ** Math.floor(Math.log10(highest));
  for (const step of [1.2, 1.5, 2, 3, 4, 5, 6, 8, 10, 12]) {
    if (highest * 1.05 <= step * unit) {
      return step * unit;
    }
  }
  return highest * 1.1;
}
