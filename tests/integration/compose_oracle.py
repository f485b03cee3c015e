#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Composed profiles and their frontiers by trying everything, with rational numbers and no code of
the planner's: the reference problems of tests/reference/compose.

    tests/integration/compose_oracle.py DIRECTORY     writes the problems anew (same seed, same files)

Rows: for each instruction and frequency every combination of the parts' points; kept is what no
other combination of any frequency beats in time and energy above waiting power. Frontier: every
whole number of time units for every operation of a 2-stage, 2-micro-batch 1F1B pipeline, costs on
the lower convex hull of the kept options.
"""
import itertools
import json
import pathlib
import random
import sys
from fractions import Fraction

KINDS = ("forward", "backward")


def label(point):
    if "config" in point:
        return str(point["config"])
    if "sm" in point:
        return f"{point['overlap_start']}-{point['overlap_end']}-{point['sm']}-{point['block']}"
    return None


def compose(recipe, power_w):
    """{(stage, kind): [(mhz, labels, time, energy)]}"""
    rows = {}
    scale = Fraction(recipe.get("scale", 1)) * Fraction(recipe.get("nanobatches", 1))
    for number, stage in enumerate(recipe["stages"]):
        for kind in KINDS:
            terms = [(name, scale * Fraction(stage.get("layers", 1)))
                     for name in stage[kind].get("layer", [])]
            terms += [(name, Fraction(1)) for name in stage[kind].get("once", [])]
            found = []
            for choice in itertools.product(*[recipe["parts"][name] for name, _ in terms]):
                if len({point["freq"] for point in choice}) != 1:
                    continue
                time = sum(f * Fraction(p["time_s"]) for p, (_, f) in zip(choice, terms))
                energy = sum(f * Fraction(p["energy_j"]) for p, (_, f) in zip(choice, terms))
                labels = [label(p) for p in choice if label(p) is not None]
                found.append((choice[0]["freq"], labels, time, energy))
            rows[number, kind] = [a for a in found if not any(beats(b, a, power_w) for b in found)]
    return rows


def beats(b, a, power_w):
    at, bt = a[2], b[2]
    ae, be = a[3] - power_w * at, b[3] - power_w * bt
    return bt <= at and be <= ae and (bt, be) != (at, ae)


def options(rows, power_w, unit):
    """(quant, cost) of the options the specification keeps, slowest first."""
    every = [(t, e - power_w * (t // unit) * unit, int(t // unit)) for _, _, t, e in rows]

    def keep(noise):
        left = [o for o in every
                if not any(p[0] < noise * o[0] and p[1] < noise * o[1] for p in every)]
        best = {}
        for time, cost, quant in left:
            if quant not in best or cost > best[quant]:
                best[quant] = cost
        return sorted(best.items(), reverse=True)

    kept = keep(Fraction(1))
    return kept if len(kept) > 3 else keep(Fraction(95, 100))


def hull(points):
    """{duration: cost} on the lower hull, cut at its minimum."""
    low, high = min(q for q, _ in points), max(q for q, _ in points)
    cost = {}
    for t in range(low, high + 1):
        between = [c for q, c in points if q == t]
        for (q1, c1), (q2, c2) in itertools.permutations(points, 2):
            if q1 < t < q2:
                between.append(c1 + (c2 - c1) * Fraction(t - q1, q2 - q1))
        cost[t] = min(between)
    end = min(t for t, c in cost.items() if c == min(cost.values()))
    return {t: c for t, c in cost.items() if t <= end}


def frontier(rows, power_w, unit):
    """{length: least cost} of every plan; 1F1B with two stages and two micro-batches."""
    table = {key: sorted(hull(options(r, power_w, unit)).items()) for key, r in rows.items()}
    f0, b0, f1, b1 = (table[0, "forward"], table[0, "backward"], table[1, "forward"],
                      table[1, "backward"])
    best = {}
    # Stage 0: F0 F1 B0 B1, stage 1: F0 B0 F1 B1.
    for x, y, u, v in itertools.product(f0, f0, f1, b1):
        first = x[0] + u[0] + v[0]                      # stage 1 has done its first backward
        second = max(first, x[0] + y[0])                # its second forward may begin
        cost = x[1] + y[1] + u[1] + v[1]
        for w, z in itertools.product(f1, b1):
            last = second + w[0] + z[0]                 # its second backward is done
            more = cost + w[1] + z[1]
            ready = max(first, x[0] + y[0])             # stage 0's first backward may begin
            for p, q in itertools.product(b0, b0):
                length = max(last, ready + p[0]) + q[0]
                total = more + p[1] + q[1]
                if length not in best or total < best[length]:
                    best[length] = total
    least = {}
    now = None
    for length in range(min(best), max(best) + 1):
        now = min(filter(lambda c: c is not None, (now, best.get(length))))
        least[length] = now
    return least


def part(rng, clocks, configurations, work, kind):
    """Points with times of 2^-16 s and energies of 2^-8 J, so that doubles hold them exactly."""
    points = []
    for mhz, setting in itertools.product(clocks, range(configurations)):
        time = work * (0.35 + 0.65 * clocks[0] / mhz) * (1 + 0.12 * setting * rng.random())
        power = 90 + 260 * (mhz / clocks[0]) ** 2.6 * (1 - 0.1 * setting * rng.random())
        point = {"freq": mhz, "time_s": round(time * 65536) / 65536,
                 "energy_j": round(time * power * 256) / 256}
        if kind == "words":
            point |= {"overlap_start": f"norm_{setting}", "overlap_end": "none",
                      "sm": 3 * (setting + 1), "block": 1024}
        elif kind == "config":
            point["config"] = f"c{setting}"
        points.append(point)
    return points


def problems():
    rng = random.Random(20260121)
    clocks = [1410, 1260, 1110]
    tensor = {name: part(rng, clocks, 4, work, "words")
              for name, work in (("fwd_attn", 0.004), ("fwd_mlp", 0.005), ("bwd_attn", 0.008),
                                 ("bwd_mlp", 0.009))}
    ends = {"embedding": part(rng, clocks, 1, 0.003, None), "head": part(rng, clocks, 1, 0.006, None)}
    layers = {"forward": {"layer": ["fwd_attn", "fwd_mlp"]},
              "backward": {"layer": ["fwd_attn", "fwd_mlp", "bwd_attn", "bwd_mlp"]}}
    plain = {"forward": layers["forward"], "backward": {"layer": ["bwd_attn", "bwd_mlp"]}}
    context = {name: part(rng, clocks, 3, 0.002 * (1 + k % 3), "config")
               for k, name in enumerate(["qkv_ar", "qkv_ag", "ao_ag", "ao_ar", "mlp"])}
    context_stage = {"layers": 2, "forward": {"layer": list(context)},
                     "backward": {"layer": ["mlp", "ao_ar", "qkv_ag"]}}
    return {
        "plain": (70, Fraction(1, 256), {
            "parts": tensor, "stages": [{"layers": 3, **plain}, {"layers": 4, **plain}]}),
        "checkpointing": (85, Fraction(1, 128), {
            "nanobatches": 2, "parts": {**tensor, **ends}, "stages": [
                {"layers": 4, "forward": layers["forward"] | {"once": ["embedding"]},
                 "backward": layers["backward"] | {"once": ["embedding", "embedding"]}},
                {"layers": 3, "forward": layers["forward"] | {"once": ["head"]},
                 "backward": layers["backward"] | {"once": ["head"]}}]}),
        "context_parallel": (0, Fraction(1, 256), {
            "scale": 1.25, "parts": context, "stages": [context_stage, context_stage]}),
        "one_choice": (40, Fraction(1, 256), {
            "parts": {"f": part(rng, clocks, 1, 0.03, None), "b": part(rng, clocks, 1, 0.06, None)},
            "stages": [{"forward": {"once": ["f"]}, "backward": {"once": ["b"]}}] * 2}),
    }


def main(directory):
    for name, (power_w, unit, recipe) in problems().items():
        rows = compose(recipe, Fraction(power_w))
        least = frontier(rows, Fraction(power_w), unit)
        expected = {
            "p2p_power": power_w, "unit_ns": int(unit * 10**9), "recipe": recipe,
            "rows": [[stage, kind, mhz, labels, float(time), float(energy)]
                     for (stage, kind), found in rows.items() for mhz, labels, time, energy in found],
            "frontier": [[length, float(cost)] for length, cost in least.items()]}
        path = pathlib.Path(directory) / f"{name}.json"
        path.write_text(json.dumps(expected) + "\n")
        print(f"{path}: {len(expected['rows'])} rows, {len(least)} lengths")


if __name__ == "__main__":
    main(sys.argv[1])
