/* SPDX-License-Identifier: Apache-2.0
 *
 * The counter's verdict. Ratio and least evidence are the daemon's (section 8.3): a tenth to ten
 * times the power readings over half a second, nothing expected means nothing judged. A counter
 * that was seen to move several times is no longer waiting for its next tick and can be judged
 * sooner.
 */
#include "device/amdsmi/amdsmi_check.h"

#include <stdio.h>

#include "base/macro.h"

#define ENOUGH_NS       500000000u  /* evidence for any verdict */
#define ENOUGH_FAST_NS  200000000u  /* evidence for "too fast" */
#define ENOUGH_MOVED_NS 100000000u  /* evidence once the counter moved often enough */
#define ENOUGH_AGAIN_NS 3000000000u /* evidence to judge a convicted counter anew */
#define MOVES           5u
#define SPACING_NS      10000000u  /* readings closer together add nothing */
#define DENSE_NS        250000000u /* up to here the mean of two power readings is the energy */
#define RATIO_MIN       0.1
#define RATIO_MAX       10.0
#define NEGLIGIBLE_UJ   1.0 /* expecting less than this judges nothing */

/* Inside a long gap anything between idle and the power cap may have happened: the least is taken
 * as this share of what the ends show; the most, with the ratio above, is twice the cap. */
#define IDLE_SHARE 0.2
#define CAP_SHARE  0.2

uint32_t amdsmi_check_judge(const struct amdsmi_evidence *evidence)
{
    int has_moved = evidence->moves >= MOVES && evidence->observed_ns >= ENOUGH_MOVED_NS;
    if (evidence->low_uj < NEGLIGIBLE_UJ ||
        (!has_moved && evidence->observed_ns < ENOUGH_FAST_NS)) {
        return AMDSMI_CHECK_PENDING;
    }
    if (evidence->measured_uj >= RATIO_MAX * evidence->high_uj) {
        return AMDSMI_CHECK_TOO_HIGH;
    }
    if (!has_moved && evidence->observed_ns < ENOUGH_NS) {
        return AMDSMI_CHECK_PENDING;
    }
    return evidence->measured_uj <= RATIO_MIN * evidence->low_uj ? AMDSMI_CHECK_TOO_LOW
                                                                 : AMDSMI_CHECK_GOOD;
}

static void restart(struct amdsmi_check *check)
{
    check->now = (struct amdsmi_evidence){0};
}

/* A verdict where the evidence allows one. */
static void judge(struct amdsmi_check *check)
{
    int is_convicted = check->verdict != AMDSMI_CHECK_PENDING;
    if (is_convicted && check->now.observed_ns < ENOUGH_AGAIN_NS) {
        return;
    }
    uint32_t verdict = amdsmi_check_judge(&check->now);
    if (verdict == AMDSMI_CHECK_PENDING) {
        return;
    }
    check->verdict = verdict;
    if (verdict != AMDSMI_CHECK_GOOD) {
        check->convicted = check->now;
        restart(check);
    }
}

static void add_interval(struct amdsmi_check *check, uint64_t span_ns, uint64_t energy_uj,
                         uint64_t power_uw)
{
    double span_s = (double)span_ns / 1e9;
    double least_uw = (double)MIN_OF(check->last_uw, power_uw);
    double most_uw = (double)MAX_OF(check->last_uw, power_uw);
    if (least_uw <= 0) {
        return; /* no power shown at one end: nothing to compare with */
    }
    if (span_ns <= DENSE_NS) {
        double mean_uj = (least_uw + most_uw) / 2 * span_s;
        check->now.low_uj += mean_uj;
        check->now.high_uj += mean_uj;
    } else {
        check->now.low_uj += IDLE_SHARE * least_uw * span_s;
        double cap_uw = CAP_SHARE * MAX_OF(most_uw, (double)check->ceiling_uw);
        check->now.high_uj += (check->ceiling_uw ? cap_uw : most_uw) * span_s;
    }
    check->now.measured_uj += (double)(energy_uj - check->last_uj);
    check->now.observed_ns += span_ns;
    check->now.moves += energy_uj > check->last_uj;
}

void amdsmi_check_feed(struct amdsmi_check *check, uint64_t time_ns, uint64_t energy_uj,
                       uint64_t power_uw)
{
    if (check->verdict == AMDSMI_CHECK_GOOD || (check->has_last && time_ns <= check->last_ns)) {
        return;
    }
    if (check->has_last && energy_uj < check->last_uj) {
        restart(check);
    } else if (check->has_last) {
        add_interval(check, time_ns - check->last_ns, energy_uj, power_uw);
    }
    check->has_last = 1;
    check->last_ns = time_ns;
    check->last_uj = energy_uj;
    check->last_uw = power_uw;
    judge(check);
}

int amdsmi_check_wants(const struct amdsmi_check *check, uint64_t now_ns)
{
    return check->verdict != AMDSMI_CHECK_GOOD &&
           (!check->has_last || now_ns >= check->last_ns + SPACING_NS);
}

void amdsmi_check_describe(const struct amdsmi_check *check, char *out, size_t size)
{
    const struct amdsmi_evidence *evidence = &check->convicted;
    (void)snprintf(out, size,
                   "it moved %.3f J in %.3f s where %.3f J to %.3f J were expected from the power",
                   evidence->measured_uj / 1e6, (double)evidence->observed_ns / 1e9,
                   evidence->low_uj / 1e6, evidence->high_uj / 1e6);
}
