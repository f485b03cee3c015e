/* SPDX-License-Identifier: Apache-2.0
 *
 * What travels between the pipeline frequency server and its clients: JSON bodies to records and
 * records to JSON, on the wire (compact) and in the dump files (Python's separators).
 */
#ifndef ZEUS_SERVER_PFO_WIRE_H
#define ZEUS_SERVER_PFO_WIRE_H

#include <stdint.h>

#include "base/strbuf.h"
#include "codec/json_decode.h"
#include "server/pfo_plan.h"

struct pfo_job_info {
    const char *job_id; /* must be empty in a request */
    int64_t pp_degree;
    int64_t dp_degree;
    int64_t tp_degree;
    int64_t world_size;
    const char *job_metadata; /* NULL: none */
    int has_missing_degree;   /* the product could not be checked: a degree was wrong */
};

struct pfo_rank_info {
    int64_t rank;
    int64_t dp_rank;
    int64_t pp_rank;
    int64_t tp_rank;
    struct json_ints available_frequencies; /* MHz */
};

struct pfo_result {
    int64_t rank;
    struct json_doubles iter_time_s;
    struct json_doubles iter_energy_j;
    const char *time_breakdown; /* JSON in the dump's style, arena; "{}" when absent */
    const char *energy_breakdown;
};

/* Each decodes a whole body; problems are the caller's to answer. Returns as json_decode_body. */
int pfo_decode_job(const char *body, size_t len, struct pfo_job_info *ret, struct json_problems *p)
    ZEUS_CHECK;
int pfo_decode_rank(const char *body, size_t len, struct pfo_rank_info *ret,
                    struct json_problems *p) ZEUS_CHECK;
int pfo_decode_result(const char *body, size_t len, struct pfo_result *ret, struct json_problems *p)
    ZEUS_CHECK;

/* {"deadline": seconds or null, "straggler": dp rank or null} */
struct pfo_deadline_body {
    double deadline_s;
    int has_deadline;
    int64_t straggler;
    int has_straggler;
};
int pfo_decode_deadline(const char *body, size_t len, struct pfo_deadline_body *ret,
                        struct json_problems *p) ZEUS_CHECK;

/* {"rank":0,"frequencies":[["forward",1410],...]} */
void pfo_write_schedule(struct strbuf *out, int64_t rank, const struct pfo_steps *steps);

/* The same records as elements of a dump file. */
void pfo_dump_schedule(struct strbuf *out, int64_t rank, const struct pfo_steps *steps);
void pfo_dump_rank(struct strbuf *out, const struct pfo_rank_info *info);
void pfo_dump_result(struct strbuf *out, const struct pfo_result *result);

#endif /* ZEUS_SERVER_PFO_WIRE_H */
