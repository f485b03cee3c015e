// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers and times in words. What is not known is a dash, never a 0.
 */
export const UNKNOWN = "–";

function isKnown(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function fixed(value, digits) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/* Watts with as many digits as the error allows. */
export function watts(value, error) {
  if (!isKnown(value)) {
    return UNKNOWN;
  }
  const digits = value < 100 && !(isKnown(error) && error >= 2) ? 1 : 0;
  return fixed(value, digits);
}

export function plusMinus(error) {
  return isKnown(error) ? `± ${fixed(error, error < 2 ? 1 : 0)}` : "";
}

export function energy(joules) {
  if (!isKnown(joules)) {
    return UNKNOWN;
  }
  for (const [size, unit] of [[1e9, "GJ"], [1e6, "MJ"], [1e3, "kJ"]]) {
    if (joules >= size) {
      const value = joules / size;
      return `${fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
    }
  }
  return `${fixed(joules, 0)} J`;
}

export function kilowattHours(joules) {
  if (!isKnown(joules)) {
    return "";
  }
  const wh = joules / 3600;
  return wh >= 1000 ? `${fixed(wh / 1000, 2)} kWh` : `${fixed(wh, wh < 10 ? 2 : 0)} Wh`;
}

export function bytes(count) {
  if (!isKnown(count)) {
    return "unknown";
  }
  return count >= 2 ** 30 ? `${fixed(count / 2 ** 30, 1)} GiB` : `${fixed(count / 2 ** 20, 0)} MiB`;
}

export function celsius(value) {
  return isKnown(value) ? `${value} °C` : UNKNOWN;
}

export function megahertz(value) {
  return isKnown(value) ? `${fixed(value, 0)} MHz` : UNKNOWN;
}

export function wholeWatts(value) {
  return isKnown(value) ? `${fixed(value, 0)} W` : UNKNOWN;
}

export function duration(seconds) {
  if (!isKnown(seconds)) {
    return UNKNOWN;
  }
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) {
    return `${s} s`;
  }
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function clockTime(ms) {
  const date = new Date(ms);
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}

/* A setting of a lease with its unit. */
export function setting(name, value) {
  if (value === null) {
    return "unlocked";
  }
  if (Array.isArray(value)) {
    return `${value[0]} to ${value[1]} MHz`;
  }
  if (name === "power_limit") {
    return wholeWatts(value / 1000);
  }
  return name === "persistence" ? (value ? "on" : "off") : String(value);
}
