/* SPDX-License-Identifier: Apache-2.0
 *
 * The sensor classes as the simulation shows them: periods and windows of the sensor table
 * (src/monitor/sensor_model.c), 1 % of jitter and half a watt of noise on top; rows with a note are
 * a shipped node's own lines. "apple" cannot be reached through a backend here; the benchmark takes
 * it from a made-up counter (accuracy.h).
 */
#include "simaccuracy.h"

#include <stddef.h>

#include "base/macro.h"

#define NVIDIA(arch, compute) "arch = " arch "\ncompute = " compute "\n"
#define NV_COUNTER            "period=100ms jitter=1ms quantum=1mJ start=918273645mJ"
#define FAST_NV_COUNTER       "period=20ms jitter=200us quantum=1mJ start=3300561mJ"
#define SENSOR_25             "period=100ms jitter=1ms window=25ms noise=0.5W"
#define SENSOR_100            "period=100ms jitter=1ms window=100ms noise=0.5W"
#define SENSOR_1S             "period=100ms jitter=1ms window=1s noise=0.5W"
#define SENSOR_10             "period=20ms jitter=200us window=10ms noise=0.5W"
#define SENSOR_RC             "period=100ms jitter=1ms tau=250ms noise=0.5W"
#define SENSOR_RC_15          "period=15ms jitter=150us tau=250ms noise=0.5W"
#define AMD_COUNTER           "period=1ms jitter=10us quantum=15.259uJ start=41233871mJ"
#define RAPL_COUNTER \
    "period=1ms jitter=40us quantum=61.03515625uJ wrap=262143328850uJ start=262113328850uJ"

#define GPU_ROW(class_, identity_, sensor_, args_, counter_)                                \
    {                                                                                       \
        .sensor_class = class_, .kind = "nvidia", .identity = identity_, .sensor = sensor_, \
        .sensor_args = args_, .counter_args = counter_, .scale = 1, .poll_s = 0.05          \
    }
#define FAST_GPU_ROW(class_, identity_, sensor_, args_, counter_)                           \
    {                                                                                       \
        .sensor_class = class_, .kind = "nvidia", .identity = identity_, .sensor = sensor_, \
        .sensor_args = args_, .counter_args = counter_, .scale = 1, .poll_s = 0.01          \
    }
#define AMD_ROW(class_, name_, sensor_, args_, counter_, note_)                                   \
    {                                                                                             \
        .sensor_class = class_, .kind = "amd", .name = name_, .identity = "", .sensor = sensor_,  \
        .sensor_args = args_, .counter_args = counter_, .scale = 1, .poll_s = 0.01, .note = note_ \
    }

static const struct simaccuracy_class rows[] = {
    GPU_ROW("blackwell/instant", NVIDIA("blackwell", "10.0"), "instant", SENSOR_25, NV_COUNTER),
    GPU_ROW("blackwell/instant", NVIDIA("blackwell", "10.0"), "instant", SENSOR_25, NULL),
    GPU_ROW("blackwell/average", NVIDIA("blackwell", "10.0"), "average", SENSOR_1S, NV_COUNTER),
    GPU_ROW("blackwell/average", NVIDIA("blackwell", "10.0"), "average", SENSOR_1S, NULL),
    GPU_ROW("hopper/instant", NVIDIA("hopper", "9.0"), "instant", SENSOR_25, NV_COUNTER),
    GPU_ROW("hopper/instant", NVIDIA("hopper", "9.0"), "instant", SENSOR_25, NULL),
    GPU_ROW("hopper/average", NVIDIA("hopper", "9.0"), "average", SENSOR_1S, NV_COUNTER),
    GPU_ROW("hopper/average", NVIDIA("hopper", "9.0"), "average", SENSOR_1S, NULL),
    GPU_ROW("ada/instant", NVIDIA("ada", "8.9"), "instant", SENSOR_100, NV_COUNTER),
    GPU_ROW("ada/instant", NVIDIA("ada", "8.9"), "instant", SENSOR_100, NULL),
    GPU_ROW("ada/average", NVIDIA("ada", "8.9"), "average", SENSOR_1S, NV_COUNTER),
    GPU_ROW("ada/average", NVIDIA("ada", "8.9"), "average", SENSOR_1S, NULL),
    GPU_ROW("ampere/instant", NVIDIA("ampere", "8.6"), "instant", SENSOR_100, NV_COUNTER),
    GPU_ROW("ampere/instant", NVIDIA("ampere", "8.6"), "instant", SENSOR_100, NULL),
    GPU_ROW("ampere/average", NVIDIA("ampere", "8.6"), "average", SENSOR_1S, NV_COUNTER),
    GPU_ROW("ampere/average", NVIDIA("ampere", "8.6"), "average", SENSOR_1S, NULL),
    GPU_ROW("ga100/instant", NVIDIA("ampere", "8.0"), "instant", SENSOR_25, NV_COUNTER),
    GPU_ROW("ga100/instant", NVIDIA("ampere", "8.0"), "instant", SENSOR_25, NULL),
    GPU_ROW("turing/instant", NVIDIA("turing", "7.5"), "instant", SENSOR_100, NV_COUNTER),
    GPU_ROW("turing/instant", NVIDIA("turing", "7.5"), "instant", SENSOR_100, NULL),
    FAST_GPU_ROW("volta/instant", NVIDIA("volta", "7.0"), "instant", SENSOR_10, FAST_NV_COUNTER),
    FAST_GPU_ROW("volta/instant", NVIDIA("volta", "7.0"), "instant", SENSOR_10, NULL),
    FAST_GPU_ROW("pascal/instant", NVIDIA("pascal", "6.0"), "instant", SENSOR_10, NULL),
    GPU_ROW("maxwell/instant", NVIDIA("maxwell", "5.2"), "instant", SENSOR_RC, NULL),
    GPU_ROW("kepler2/instant", NVIDIA("kepler", "3.5"), "instant", SENSOR_RC, NULL),
    FAST_GPU_ROW("kepler/instant", NVIDIA("kepler", "3.0"), "instant", SENSOR_RC_15, NULL),
    AMD_ROW("cdna/instant", "AMD Instinct MI300X", "current",
            "period=20ms jitter=200us window=20ms noise=0.5W round=1W", AMD_COUNTER, NULL),
    AMD_ROW("cdna/instant", "AMD Instinct MI300X", "current",
            "period=20ms jitter=200us window=20ms noise=0.5W round=1W", NULL, NULL),
    AMD_ROW("cdna/instant", "AMD Instinct MI300X", "current", "period=100ms window=100ms round=1W",
            "period=10ms quantum=15.259uJ start=41233871mJ", "as mi300x8.node"),
    AMD_ROW("cdna/average", "AMD Instinct MI250X", "average",
            "period=20ms jitter=200us window=1s noise=0.5W round=1W", AMD_COUNTER, NULL),
    AMD_ROW("cdna/average", "AMD Instinct MI250X", "average",
            "period=20ms jitter=200us window=1s noise=0.5W round=1W", NULL, NULL),
    AMD_ROW("rdna/average", "AMD Radeon RX 7900 XTX", "average",
            "period=20ms jitter=200us window=1s noise=0.5W round=1W", NULL, NULL),
    {.sensor_class = "rapl",
     .kind = "cpu",
     .identity = "zone = {i}\npackage = {i}\n",
     .counter_args = RAPL_COUNTER,
     .scale = 0.5,
     .poll_s = 0.05,
     .note = "as xeon-2s.node"},
    {.sensor_class = "hwmon/average",
     .kind = "hwmon",
     .identity = "",
     .sensor = "cpu",
     .sensor_args = "period=50ms jitter=500us window=50ms noise=0.1W",
     .scale = 0.5,
     .poll_s = 0.025},
    {.sensor_class = "ina3221",
     .kind = "jetson",
     .identity = "jetson.driver = ina3221\n",
     .sensor_args = "period=10ms jitter=100us window=10ms noise=0.04W round=8mW",
     .scale = 0.05,
     .poll_s = 0.005},
    GPU_ROW("generic", "", "instant", SENSOR_100, NV_COUNTER),
    GPU_ROW("generic", "", "instant", SENSOR_100, NULL),
};

const struct simaccuracy_class *simaccuracy_class_at(uint32_t row)
{
    return row < ARRAY_LEN(rows) ? &rows[row] : NULL;
}
