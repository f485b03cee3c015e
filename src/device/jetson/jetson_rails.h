/* SPDX-License-Identifier: Apache-2.0
 *
 * The INA3221 rails of a Jetson board: what a rail's name means (pure), and where its files are.
 */
#ifndef ZEUS_DEVICE_JETSON_JETSON_RAILS_H
#define ZEUS_DEVICE_JETSON_JETSON_RAILS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* ZEUS_DOMAIN_SOC_... of a rail by its name, or 0 for names that are no rail ("NC", empty, the sum
 * channel). Case does not matter. "_IN" at the end, "SYSTEM" and "TOTAL" are the board's input;
 * a rail that feeds CPU and GPU together is neither (SOC_OTHER), and so is VIN_SYS_5V0: it feeds
 * I/O and memory beside the CPU and GPU rails. Pure. */
uint32_t jetson_rail_kind(const char *name);

/* Number of the rail in `kinds`/`names` that feeds rail `i`, -1 for none: the input feeds all, and
 * VIN_SYS_5V0 feeds VDDQ_VDD2_1V8AO. Pure. */
int32_t jetson_rail_parent(const char *const *names, const uint32_t *kinds, size_t count, size_t i);

/* How a rail's power is read. */
struct jetson_rail {
    char name[40];
    uint32_t kind;
    char power_path[128];   /* empty: voltage times current */
    uint32_t power_unit_uw; /* what the power file counts in: 1 (hwmon) or 1000 (iio) */
    char voltage_path[128]; /* mV */
    char current_path[128]; /* mA */
};

struct jetson_rails {
    struct jetson_rail *items; /* owned */
    size_t count;
    size_t capacity;
};

void jetson_rails_done(struct jetson_rails *rails);

/* Every rail below /sys/bus/i2c/drivers/ina3221x, else .../ina3221, in chip and channel order.
 * NOMEM, LIMIT; no chip is no rail. */
int jetson_rails_scan(int root_fd, struct jetson_rails *rails) ZEUS_CHECK;

/* mV * mA = uW. Currents may be a few steps below zero on an idle rail: those are zero. RANGE for
 * values that no board has. Pure. */
int jetson_rail_product_uw(int64_t voltage_mv, int64_t current_ma, uint64_t *ret_uw) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_JETSON_JETSON_RAILS_H */
