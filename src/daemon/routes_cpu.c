/* SPDX-License-Identifier: Apache-2.0
 *
 * One-shot reads of CPUs. Power is the difference of two energies one sampling period apart, over
 * the time measured between them; the reader thread serves others in between.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "daemon/daemon.h"
#include "daemon/fanout.h"
#include "daemon/routes.h"
#include "daemon/slot_read.h"

#define WANT_CPU  1u
#define WANT_DRAM 2u

static int act_energy(struct fanout_leg *leg)
{
    uint32_t want = leg->fanout->args.a;
    int r = 0;
    if (want & WANT_CPU) {
        r = slot_read_energy(leg->slot, &leg->value.cpu.cpu, &leg->err);
        leg->value.cpu.has_cpu = r == 0;
    }
    if (r == 0 && (want & WANT_DRAM) && slot_has_dram(leg->slot)) {
        r = slot_read_dram_energy(leg->slot, &leg->value.cpu.dram, &leg->err);
        leg->value.cpu.has_dram = r == 0;
    }
    return r;
}

static void write_part(struct json_writer *w, const char *key, int has, uint64_t value)
{
    if (has) {
        json_key_u64(w, key, value);
    } else {
        json_key_null(w, key);
    }
}

static void write_energy(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    write_part(w, "cpu_energy_uj", leg->value.cpu.has_cpu, leg->value.cpu.cpu);
    write_part(w, "dram_energy_uj", leg->value.cpu.has_dram, leg->value.cpu.dram);
    json_end_object(w);
}

/* Both energies; scratch keeps the first pair and its time. */
static int read_pair(struct fanout_leg *leg, uint64_t *ret_cpu_uj, uint64_t *ret_dram_uj)
{
    int r = slot_read_energy(leg->slot, ret_cpu_uj, &leg->err);
    if (r == 0 && slot_has_dram(leg->slot)) {
        r = slot_read_dram_energy(leg->slot, ret_dram_uj, &leg->err);
        leg->value.cpu.has_dram = r == 0;
    }
    return r;
}

static uint64_t elapsed_us(uint64_t from_ns, uint64_t to_ns)
{
    return MAX_OF((to_ns - from_ns) / 1000u, UINT64_C(1));
}

static uint64_t mean_mw(uint64_t from_uj, uint64_t to_uj, uint64_t passed_us)
{
    return to_uj > from_uj ? (to_uj - from_uj) * 1000u / passed_us : 0;
}

static int act_power(struct fanout_leg *leg)
{
    uint64_t cpu_uj = 0;
    uint64_t dram_uj = 0;
    struct reading latest;
    int r = read_pair(leg, &cpu_uj, &dram_uj);
    if (r < 0) {
        return r;
    }
    slot_latest(leg->slot, &latest); /* has the times at which the counters were looked at */
    if (leg->job.due_ns == 0) {
        leg->scratch[0] = cpu_uj;
        leg->scratch[1] = dram_uj;
        leg->scratch[2] = latest.energy_ns;
        leg->scratch[3] = latest.dram_energy_ns;
        leg->job.due_ns = latest.energy_ns + leg->slot->period_ns;
        return FANOUT_AGAIN;
    }
    leg->value.cpu.cpu =
        mean_mw(leg->scratch[0], cpu_uj, elapsed_us(leg->scratch[2], latest.energy_ns));
    leg->value.cpu.dram =
        mean_mw(leg->scratch[1], dram_uj, elapsed_us(leg->scratch[3], latest.dram_energy_ns));
    return 0;
}

static void write_power(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_u64(w, "cpu_mw", leg->value.cpu.cpu);
    write_part(w, "dram_mw", leg->value.cpu.has_dram, leg->value.cpu.dram);
    json_end_object(w);
}

static const struct fanout_op energy_op = {"get_cumulative_energy", act_energy, write_energy, NULL,
                                           0};
static const struct fanout_op power_op = {"get_power", act_power, write_power, "power_mw", 0};

struct cpu_query {
    const char *ids;
    uint32_t is_partial;
    uint32_t cpu;
    uint32_t dram;
};

static const struct query_field energy_fields[] = {
    {"cpu_ids", QUERY_TEXT, 0, offsetof(struct cpu_query, ids)},
    {"cpu", QUERY_BOOL, 1, offsetof(struct cpu_query, cpu)},
    {"dram", QUERY_BOOL, 1, offsetof(struct cpu_query, dram)},
    {"partial", QUERY_BOOL, 0, offsetof(struct cpu_query, is_partial)},
};

static const struct query_field power_fields[] = {
    {"cpu_ids", QUERY_TEXT, 0, offsetof(struct cpu_query, ids)},
    {"partial", QUERY_BOOL, 0, offsetof(struct cpu_query, is_partial)},
};

static int read_cpus(struct httpd_req *req, struct httpd_reply *reply,
                     const struct cpu_query *query, const struct fanout_op *op)
{
    struct selection selection;
    zeus_error err = {0};
    int r = select_slots(req, ZEUS_KIND_CPU, query->ids, &selection, &err);
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    struct fanout *fanout = fanout_create(daemon_of(req), op, selection.slots, selection.count);
    if (!fanout) {
        return ZEUS_ENOMEM;
    }
    fanout->is_partial = (int)query->is_partial;
    fanout->caller = *daemon_caller(req);
    fanout->args.a = (query->cpu ? WANT_CPU : 0) | (query->dram ? WANT_DRAM : 0);
    return fanout_run(fanout, req);
}

int route_cpu_energy(struct httpd_req *req, struct httpd_reply *reply)
{
    struct cpu_query query = {0};
    zeus_error err = {0};
    if (query_read(&req->target, energy_fields, ARRAY_LEN(energy_fields), &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    return read_cpus(req, reply, &query, &energy_op);
}

int route_cpu_power(struct httpd_req *req, struct httpd_reply *reply)
{
    struct cpu_query query = {0};
    zeus_error err = {0};
    if (query_read(&req->target, power_fields, ARRAY_LEN(power_fields), &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    return read_cpus(req, reply, &query, &power_op);
}
