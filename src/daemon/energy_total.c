/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of monotone energy totals. Saturating everywhere: 2^64 microjoules are six
 * thousand years of a kilowatt node, so a sum that would pass that is nonsense and stays put.
 */
#include "daemon/energy_total.h"

#include "base/macro.h"

#define SECOND_NS UINT64_C(1000000000)

static void count(struct energy_total *total, uint64_t spent_uj)
{
    total->total_uj += MIN_OF(spent_uj, UINT64_MAX - total->total_uj);
}

static void note(struct energy_total *total, uint64_t raw_uj, uint64_t time_ns)
{
    total->raw_uj = raw_uj;
    total->time_ns = MAX_OF(time_ns, total->time_ns);
    total->has_raw = 1;
}

/* Most a device can have spent since the last reading. A second more: counters tick late. */
static uint64_t most_uj(const struct energy_total *total, uint64_t time_ns, uint64_t power_w)
{
    uint64_t passed_ns = time_ns > total->time_ns ? time_ns - total->time_ns : 0;
    uint64_t passed_s = passed_ns / SECOND_NS + 2;
    return passed_s > UINT64_MAX / (power_w * 1000000) ? UINT64_MAX : passed_s * power_w * 1000000;
}

int energy_total_add(struct energy_total *total, uint64_t raw_uj, uint64_t time_ns)
{
    int is_hole = 0;
    if (total->has_raw) {
        is_hole = raw_uj < total->raw_uj ||
                  raw_uj - total->raw_uj > most_uj(total, time_ns, ENERGY_TOTAL_MOST_W);
        count(total, is_hole ? 0 : raw_uj - total->raw_uj);
        total->holes += (uint64_t)is_hole;
    }
    note(total, raw_uj, time_ns);
    return is_hole;
}

int energy_total_resume(struct energy_total *total, uint64_t raw_uj, uint64_t time_ns,
                        uint64_t wrap_uj)
{
    if (!total->has_raw || wrap_uj == 0) {
        return energy_total_add(total, raw_uj, time_ns);
    }
    if (time_ns < total->time_ns ||
        most_uj(total, time_ns, ENERGY_TOTAL_WRAP_W) >= wrap_uj) { /* may have wrapped twice */
        energy_total_lose(total);
        note(total, raw_uj, time_ns);
        return 1;
    }
    uint64_t before_uj = total->raw_uj % wrap_uj;
    uint64_t now_uj = raw_uj % wrap_uj;
    uint64_t spent_uj = now_uj >= before_uj ? now_uj - before_uj : wrap_uj - before_uj + now_uj;
    if (spent_uj > most_uj(total, time_ns, ENERGY_TOTAL_WRAP_W)) {
        energy_total_lose(total);
        note(total, raw_uj, time_ns);
        return 1;
    }
    count(total, spent_uj);
    note(total, raw_uj, time_ns);
    return 0;
}

void energy_total_lose(struct energy_total *total)
{
    total->holes += total->has_raw;
    total->has_raw = 0;
}

void energy_total_spend(struct energy_total *total, uint64_t spent_uj, uint64_t time_ns)
{
    count(total, spent_uj);
    total->time_ns = MAX_OF(time_ns, total->time_ns);
}

void energy_total_hole(struct energy_total *total, uint64_t count)
{
    total->holes += MIN_OF(count, UINT64_MAX - total->holes);
}

/* When the day's first reading was, by the wall clock as it goes now. After a boot only what the
 * clock showed then is left. */
static uint64_t since_ms(const struct energy_total *total, const struct energy_clock *now)
{
    if (total->day_boot_ms == 0 || now->boot_ms < total->day_boot_ms) {
        return total->day_wall_ms;
    }
    uint64_t passed_ms = now->boot_ms - total->day_boot_ms;
    return now->wall_ms > passed_ms ? now->wall_ms - passed_ms : 0;
}

static int is_of_today(const struct energy_total *total, const struct energy_clock *now)
{
    uint64_t since = since_ms(total, now);
    return total->has_day && since >= now->day_begin_ms && since <= now->wall_ms &&
           total->day_uj <= total->total_uj && total->day_holes <= total->holes;
}

void energy_total_date(struct energy_total *total, const struct energy_clock *now)
{
    if (is_of_today(total, now)) {
        return;
    }
    total->has_day = 1;
    total->day_uj = total->total_uj;
    total->day_holes = total->holes;
    total->day_wall_ms = now->wall_ms;
    total->day_boot_ms = now->boot_ms;
}

int energy_total_today(const struct energy_total *total, const struct energy_clock *now,
                       struct energy_today *ret_today)
{
    if (!is_of_today(total, now)) {
        return 0;
    }
    *ret_today = (struct energy_today){.energy_uj = total->total_uj - total->day_uj,
                                       .since_ms = since_ms(total, now),
                                       .holes = total->holes - total->day_holes};
    return 1;
}
