/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the energy counter of this GPU worth believing? Some AMD GPUs and driver releases report a
 * counter that stands still or runs at a wrong rate. The check compares it with the power readings
 * over the first half second in which the counter is read anyway: nothing waits for it. Pure: the
 * caller passes times and readings.
 *
 * Between two readings close together the energy is known from power within a narrow range (mean of
 * both readings); over a long gap only bounds are known. Both kinds add up to a range [low, high],
 * and the counter is wrong when it moved less than a tenth of `low` or more than ten times `high`.
 *
 * A good verdict is final. A bad one is not: a power reading that lags behind a change of load can
 * accuse a sound counter, so later readings are weighed anew and may acquit it.
 */
#ifndef ZEUS_DEVICE_AMDSMI_AMDSMI_CHECK_H
#define ZEUS_DEVICE_AMDSMI_AMDSMI_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define AMDSMI_CHECK_PENDING  0u /* not seen enough yet */
#define AMDSMI_CHECK_GOOD     1u
#define AMDSMI_CHECK_TOO_LOW  2u /* stands still or runs far too slowly */
#define AMDSMI_CHECK_TOO_HIGH 3u /* runs far too fast */

/* What was seen of counter and power over some time. */
struct amdsmi_evidence {
    uint64_t observed_ns;
    double low_uj;
    double high_uj;
    double measured_uj;
    uint32_t moves; /* readings at which the counter had moved */
};

struct amdsmi_check {
    uint32_t verdict; /* AMDSMI_CHECK_... */
    int has_last;
    uint64_t last_ns;
    uint64_t last_uj;
    uint64_t last_uw;
    uint64_t ceiling_uw; /* highest power cap, 0 when unknown; set by the owner */
    struct amdsmi_evidence now;
    struct amdsmi_evidence convicted; /* what a bad verdict stands on */
};

/* Adds one simultaneous reading of counter and power. Readings at or before the last one, and any
 * after a good verdict, are ignored; a counter that went back starts the evidence anew. */
void amdsmi_check_feed(struct amdsmi_check *check, uint64_t time_ns, uint64_t energy_uj,
                       uint64_t power_uw);

/* The verdict on first evidence. */
uint32_t amdsmi_check_judge(const struct amdsmi_evidence *evidence);

/* 1 when another reading at `now_ns` would add something. */
int amdsmi_check_wants(const struct amdsmi_check *check, uint64_t now_ns);

/* "moved 0.000 J in 0.512 s where 51.200 J to 51.200 J were expected" */
void amdsmi_check_describe(const struct amdsmi_check *check, char *out, size_t size);

#endif /* ZEUS_DEVICE_AMDSMI_AMDSMI_CHECK_H */
