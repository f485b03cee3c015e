/* SPDX-License-Identifier: Apache-2.0
 *
 * What was last read from a device. Fields without their bit in `valid` are unknown.
 */
#ifndef ZEUS_DAEMON_READING_H
#define ZEUS_DAEMON_READING_H

#include <stdint.h>

#define READING_POWER       (1u << 0)
#define READING_ENERGY      (1u << 1) /* the hardware's counter */
#define READING_DRAM_ENERGY (1u << 2)
#define READING_TEMPERATURE (1u << 3)
#define READING_LIMITS      (1u << 4)
#define READING_DRAM_POWER  (1u << 5)
#define READING_INTEGRAL    (1u << 6) /* energy_uj is integrated power, for want of a counter */
#define READING_GRAPHICS    (1u << 7)
#define READING_MEMORY      (1u << 8)
#define READING_LOAD        (1u << 9)
#define READING_MEMORY_LOAD (1u << 10)

struct reading {
    uint32_t valid;
    int32_t code;     /* of the last read: 0 or why the device could not be read */
    uint64_t t_ns;    /* monotonic, of the latest part */
    uint64_t wall_ms; /* the same instant */
    uint64_t power_uw;
    uint64_t dram_power_uw;
    uint64_t energy_uj;
    uint64_t dram_energy_uj;
    int32_t temperature_c;
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t load_pct;
    uint32_t memory_load_pct;
    uint32_t is_persistent;
    uint64_t processes;
    uint64_t memory_used_bytes;
    uint64_t memory_size_bytes;
    uint64_t limit_uw;
    uint64_t limit_default_uw;
    uint64_t limit_min_uw;
    uint64_t limit_max_uw;
    /* When each part was read last (monotonic, middle of the read), 0 never: an old value is not
     * what is now. */
    uint64_t power_ns;
    uint64_t energy_ns; /* of the counter, or of the integral */
    uint64_t dram_energy_ns;
    uint64_t temperature_ns;
    uint64_t activity_ns;
    uint64_t limits_ns;
    uint64_t persistence_ns;
    uint64_t processes_ns;
    uint64_t memory_ns;
    uint32_t energy_holes; /* device_energy_holes of the domain */
    uint32_t dram_energy_holes;
    uint64_t reads; /* since the start */
    uint64_t failures;
};

#endif /* ZEUS_DAEMON_READING_H */
