/* SPDX-License-Identifier: Apache-2.0
 *
 * usage: energy_probe SECONDS
 *
 * Reads every domain of every CPU, SoC and platform a hundred times a second through the public
 * library and prints, one line a domain, what it measured between its first and its last reading:
 *
 *   DEVICE DOMAIN SOURCE IS_SUMMED FROM_NS TO_NS ENERGY_UJ WORST_STEP_UJ ERROR
 *
 * Counters are differenced, powers integrated by the trapezoid rule. WORST_STEP_UJ is the least
 * increase between two readings: negative when a total ever fell. ERROR is 0 or the first failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zeus/zeus.h>

#define DOMAINS_MAX 64

struct track {
    zeus_device *dev;
    zeus_device_info device;
    zeus_domain_info domain;
    uint32_t number;
    int is_summed;
    int error;
    unsigned readings;
    uint64_t from_ns;
    uint64_t last_ns;
    double energy_uj;
    double worst_step_uj;
    uint64_t last_value;
};

static int read_value(const struct track *t, uint64_t *ret_ns, uint64_t *ret_value)
{
    if (t->domain.source == ZEUS_SOURCE_COUNTER) {
        zeus_energy_sample sample;
        int r = zeus_device_read_energy(t->dev, t->number, &sample);
        *ret_ns = r == 0 ? sample.time_ns : 0;
        *ret_value = r == 0 ? sample.energy_uj : 0;
        return r;
    }
    zeus_power_sample sample;
    int r = zeus_device_read_power(t->dev, t->number, ZEUS_POWER_INSTANT, &sample);
    *ret_ns = r == 0 ? sample.time_ns : 0;
    *ret_value = r == 0 ? sample.power_uw : 0;
    return r;
}

static void take_reading(struct track *t)
{
    uint64_t now_ns = 0;
    uint64_t value = 0;
    int r = read_value(t, &now_ns, &value);
    if (r < 0) {
        t->error = t->error ? t->error : r;
        return;
    }
    if (t->readings++ == 0) {
        t->from_ns = now_ns;
    } else {
        double step_uj =
            t->domain.source == ZEUS_SOURCE_COUNTER
                ? (double)(int64_t)(value - t->last_value)
                : ((double)value + (double)t->last_value) / 2e9 * (double)(now_ns - t->last_ns);
        t->energy_uj += step_uj;
        t->worst_step_uj =
            t->readings == 2 || step_uj < t->worst_step_uj ? step_uj : t->worst_step_uj;
    }
    t->last_value = value;
    t->last_ns = now_ns;
}

static int is_summed(const zeus_session *session, uint32_t device, uint32_t domain)
{
    zeus_place places[DOMAINS_MAX];
    size_t count = 0;
    if (zeus_session_sum_places(session, 0, places, DOMAINS_MAX, &count) < 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (places[i].device == device && places[i].domain == domain) {
            return 1;
        }
    }
    return 0;
}

static size_t list_tracks(const zeus_session *session, struct track *tracks)
{
    size_t count = 0;
    for (uint32_t d = 0; d < zeus_session_all_count(session); d++) {
        zeus_device *dev = zeus_session_all(session, d);
        for (uint32_t i = 0; i < zeus_device_domain_count(dev) && count < DOMAINS_MAX; i++) {
            struct track *t = &tracks[count];
            *t = (struct track){.dev = dev, .number = i, .is_summed = is_summed(session, d, i)};
            if (zeus_device_get_info(dev, &t->device) == 0 &&
                zeus_device_get_domain(dev, i, &t->domain) == 0 &&
                t->device.kind != ZEUS_KIND_GPU) {
                count++;
            }
        }
    }
    return count;
}

static void pause_ms(long ms)
{
    const struct timespec length = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&length, NULL);
}

int main(int argc, char **argv)
{
    static struct track tracks[DOMAINS_MAX];
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_session *session = NULL;
    double seconds = argc == 2 ? atof(argv[1]) : 0;
    if (!(seconds > 0)) {
        (void)fprintf(stderr, "usage: energy_probe SECONDS\n");
        return 2;
    }
    if (zeus_session_open(NULL, &session, &err) < 0) {
        (void)fprintf(stderr, "energy_probe: %s\n", err.message);
        return 1;
    }
    size_t count = list_tracks(session, tracks);
    for (long n = 0; n <= (long)(seconds * 100); n++) {
        for (size_t i = 0; i < count; i++) {
            take_reading(&tracks[i]);
        }
        pause_ms(10);
    }
    for (size_t i = 0; i < count; i++) {
        const struct track *t = &tracks[i];
        (void)printf("%s %s %s %d %" PRIu64 " %" PRIu64 " %.0f %.0f %d\n", t->device.name,
                     t->domain.name, zeus_source_name(t->domain.source), t->is_summed, t->from_ns,
                     t->last_ns, t->energy_uj, t->worst_step_uj, t->error);
    }
    zeus_session_close(session);
    return 0;
}
