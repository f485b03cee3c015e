/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy that never falls: raw readings of a counter, with its resets, its wraps, lost devices and
 * restarts of the daemon, become one monotone total. Pure: time is passed in.
 *
 * The rule is that only joules that are known are counted. Where it cannot be known what was spent
 * between two readings (the counter started again, the device was lost, the daemon was away for
 * longer than the counter takes to wrap, the machine was booted), the stretch is left out and
 * counted as a hole; the total goes on from where it was.
 *
 * What must outlive the daemon is a small JSON file (schema "zeusd.energy/1"). Whoever shows a
 * total saves it first: then no total that was ever shown is above the one a restart goes on from,
 * not even after kill -9, and a scraper never takes a fall for a counter that began again.
 */
#ifndef ZEUS_DAEMON_ENERGY_TOTAL_H
#define ZEUS_DAEMON_ENERGY_TOTAL_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

/* More power than any device has: a counter that rose faster was set, not counted. */
#define ENERGY_TOTAL_MOST_W 20000u
/* A package draws less than this; decides whether a counter may have wrapped unseen. */
#define ENERGY_TOTAL_WRAP_W 2000u

/* Of one domain of one device. Zero it to start. */
struct energy_total {
    uint64_t total_uj;    /* never falls */
    uint64_t raw_uj;      /* last reading, while has_raw */
    uint64_t time_ns;     /* of it, on a clock that runs on through restarts of the daemon */
    uint64_t holes;       /* stretches left out */
    uint64_t day_uj;      /* total at the first reading of the day, while has_day */
    uint64_t day_holes;   /* `holes` at that reading */
    uint64_t day_wall_ms; /* what the wall clock showed then... */
    uint64_t day_boot_ms; /* ...and the clock that runs since the boot, 0 after another boot */
    uint32_t has_raw;
    uint32_t has_day;
};

/* A reading of the counter at `time_ns` (boot time, not older than the last). Returns 1 when a
 * stretch had to be left out. */
int energy_total_add(struct energy_total *total, uint64_t raw_uj, uint64_t time_ns);

/* The first reading after a restart of the daemon, for an entry that came from a file of the same
 * boot. `wrap_uj` is the range of the hardware counter, 0 when it does not wrap. As above. */
int energy_total_resume(struct energy_total *total, uint64_t raw_uj, uint64_t time_ns,
                        uint64_t wrap_uj);

/* The counter was lost (device gone, other boot): the next reading starts anew, and what was spent
 * in between is left out. Harmless when there was no reading yet. */
void energy_total_lose(struct energy_total *total);

/* Joules that come from elsewhere (integrated power), for devices without a counter. */
void energy_total_spend(struct energy_total *total, uint64_t spent_uj, uint64_t time_ns);

/* Stretches that somebody else left out of the readings. */
void energy_total_hole(struct energy_total *total, uint64_t count);

/* Now, by two clocks, and where today begins and ends in the calendar of the machine. */
struct energy_clock {
    uint64_t wall_ms;
    uint64_t boot_ms; /* runs on through steps of the wall clock and while the machine sleeps */
    uint64_t day_begin_ms;
    uint64_t day_end_ms; /* first millisecond of tomorrow */
};

/* The calendar: call after each reading. The first reading of a day is where "today" begins: what
 * was spent between midnight and it cannot be told from what was spent before. */
void energy_total_date(struct energy_total *total, const struct energy_clock *now);

struct energy_today {
    uint64_t energy_uj; /* since the first reading of today, what is known */
    uint64_t since_ms;  /* that reading, as the wall clock has it now */
    uint64_t holes;     /* stretches since then that are left out: it is at least energy_uj */
};

/* 0: nothing was read today, whatever was read before. A step of the clock moves `since_ms` along
 * with it, so that a wrong clock that was set right does not make the wrong hours count. */
int energy_total_today(const struct energy_total *total, const struct energy_clock *now,
                       struct energy_today *ret_today);

#define ENERGY_KEY_MAX     96
#define ENERGY_DOMAIN_MAX  48
#define ENERGY_BOOT_MAX    40
#define ENERGY_ENTRIES_MAX 1024

struct energy_entry {
    char device[ENERGY_KEY_MAX]; /* UUID, or another name that outlives restarts */
    char domain[ENERGY_DOMAIN_MAX];
    struct energy_total total;
};

struct energy_state {
    char boot_id[ENERGY_BOOT_MAX]; /* the kernel's */
    struct energy_entry *entries;  /* owned */
    size_t count;
    size_t capacity;
};

/* Frees the entries. */
void energy_state_done(struct energy_state *state);

/* The entry of a domain, made when there is none yet; NULL when memory or ENERGY_ENTRIES_MAX is at
 * its end or a name is too long. Borrowed until the next call. */
struct energy_entry *energy_state_entry(struct energy_state *state, const char *device,
                                        const char *domain);

/* From text, which may be anything: PARSE with the place, LIMIT. `*ret_state` is owned
 * (energy_state_done) and untouched on failure. An entry of another boot than `boot_id` keeps its
 * total and loses its reading. */
int energy_state_parse(const char *text, size_t len, const char *boot_id,
                       struct energy_state *ret_state, zeus_error *err) ZEUS_CHECK;

/* The file. NOTFOUND is a first start; PARSE and the like name the path: the caller says so and
 * starts afresh. Saving goes through a temporary file, so that a crash leaves the old text. */
int energy_state_load(const char *path, const char *boot_id, struct energy_state *ret_state,
                      zeus_error *err) ZEUS_CHECK;
int energy_state_save(const char *path, const struct energy_state *state, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_DAEMON_ENERGY_TOTAL_H */
