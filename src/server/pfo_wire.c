/* SPDX-License-Identifier: Apache-2.0
 *
 * Field tables of the pipeline frequency server's bodies and the writers of its answers and dumps.
 */
#include "server/pfo_wire.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "codec/json_writer.h"
#include "codec/utf8.h"

static void check_job_id(void *record, const struct json_loc *loc, uint32_t failed,
                         struct json_problems *p)
{
    (void)failed;
    const struct pfo_job_info *job = record;
    if (job->job_id[0] != '\0') {
        json_problem_add(p, loc, "", "assertion_error", NULL);
    }
}

enum { DEGREE_BITS = 2 | 4 | 8 }; /* pp, dp and tp in the table below */

/* a * b * c == product, without overflow; all are at least 1. */
static int is_product(int64_t a, int64_t b, int64_t c, int64_t product)
{
    if (a > product || b > product / a) {
        return 0;
    }
    return c == product / (a * b) && product % (a * b) == 0;
}

static void check_world_size(void *record, const struct json_loc *loc, uint32_t failed,
                             struct json_problems *p)
{
    struct pfo_job_info *job = record;
    if (failed & DEGREE_BITS) {
        job->has_missing_degree = 1;
        return;
    }
    if (!is_product(job->pp_degree, job->dp_degree, job->tp_degree, job->world_size)) {
        json_problem_add(p, loc, "", "assertion_error", NULL);
    }
}

#define AT(type, member) offsetof(struct type, member)

static const struct json_field job_fields[] = {
    {"job_id", JSON_KIND_STRING, 0, AT(pfo_job_info, job_id), 0, 0, check_job_id, NULL},
    {"pp_degree", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_job_info, pp_degree), 0, 1, NULL,
     NULL},
    {"dp_degree", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_job_info, dp_degree), 0, 1, NULL,
     NULL},
    {"tp_degree", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_job_info, tp_degree), 0, 1, NULL,
     NULL},
    {"world_size", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_job_info, world_size), 0, 1,
     check_world_size, NULL},
    {"job_metadata", JSON_KIND_STRING, JSON_NULLABLE, AT(pfo_job_info, job_metadata), 0, 0, NULL,
     NULL},
};

static const struct json_field rank_fields[] = {
    {"rank", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_rank_info, rank), 0, 0, NULL, NULL},
    {"dp_rank", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_rank_info, dp_rank), 0, 0, NULL,
     NULL},
    {"pp_rank", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_rank_info, pp_rank), 0, 0, NULL,
     NULL},
    {"tp_rank", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_rank_info, tp_rank), 0, 0, NULL,
     NULL},
    {"available_frequencies", JSON_KIND_INTS, JSON_REQUIRED,
     AT(pfo_rank_info, available_frequencies), 0, 0, NULL, NULL},
};

/* ---- dump style: Python's json.dumps with its default separators and ASCII only ---- */

static void dump_string(struct strbuf *out, const char *text)
{
    strbuf_addc(out, '"');
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = utf8_sequence_length(text + i, len - i);
        if (c == '"' || c == '\\') {
            strbuf_addc(out, '\\');
            strbuf_addc(out, (char)c);
        } else if (c >= 0x20 && c < 0x80) {
            strbuf_addc(out, (char)c);
        } else if (n <= 1) {
            strbuf_addf(out, "\\u%04x", c);
        } else {
            static const unsigned char lead[5] = {0, 0, 0x1F, 0x0F, 0x07};
            uint32_t code = c & lead[n];
            for (size_t k = 1; k < n; k++) {
                code = code << 6 | ((unsigned char)text[i + k] & 0x3F);
            }
            if (code >= 0x10000) {
                strbuf_addf(out, "\\u%04x", 0xD800 + ((code - 0x10000) >> 10));
                code = 0xDC00 + (code & 0x3FF);
            }
            strbuf_addf(out, "\\u%04x", code);
        }
        i += n ? n : 1;
    }
    strbuf_addc(out, '"');
}

static void dump_double(struct strbuf *out, double value)
{
    if (isnan(value)) {
        strbuf_adds(out, "NaN");
        return;
    }
    if (isinf(value)) {
        strbuf_adds(out, value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    char text[FMT_DOUBLE_SIZE];
    size_t n = fmt_double(text, value);
    strbuf_add(out, text, n);
}

static void dump_doubles(struct strbuf *out, const struct json_doubles *list)
{
    strbuf_addc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        strbuf_adds(out, i ? ", " : "");
        dump_double(out, list->items[i]);
    }
    strbuf_addc(out, ']');
}

static void decode_iterations(struct json_view value, const struct json_loc *loc,
                              struct strbuf *out, struct json_problems *p)
{
    struct json_reader r;
    json_view_open(value, &r);
    if (json_next(&r) != JSON_ARRAY_BEGIN) {
        json_problem_add(p, loc, "value is not a valid list", "type_error.list", NULL);
        return;
    }
    strbuf_addc(out, '[');
    struct json_view item;
    for (size_t i = 0; json_view_next(&r, &item) > 0; i++) {
        struct json_loc at = {loc, NULL, i};
        struct json_doubles list = {NULL, 0};
        if (json_to_doubles(item, &at, p, &list) == 0) {
            strbuf_adds(out, i ? ", " : "");
            dump_doubles(out, &list);
        }
    }
    strbuf_addc(out, ']');
}

/* {"forward": [[0.1, 0.2], ...], ...} checked and rewritten in the dump's style. */
static void decode_breakdown(struct json_view value, const struct json_loc *loc, void *out,
                             struct json_problems *p)
{
    struct json_reader r;
    json_view_open(value, &r);
    if (json_next(&r) != JSON_OBJECT_BEGIN) {
        json_problem_add(p, loc, "value is not a valid dict", "type_error.dict", NULL);
        return;
    }
    struct strbuf text;
    strbuf_init(&text, 32u << 20);
    strbuf_addc(&text, '{');
    for (size_t i = 0; json_next(&r) == JSON_KEY; i++) {
        char *name = arena_alloc(p->arena, r.size + 1, 1);
        struct json_view member;
        if (!name || json_get_string(&r, name, r.size + 1) < 0 ||
            json_view_next(&r, &member) <= 0) {
            p->out_of_memory = 1;
            break;
        }
        struct json_loc at = {loc, name, 0};
        strbuf_adds(&text, i ? ", " : "");
        dump_string(&text, name);
        strbuf_adds(&text, ": ");
        decode_iterations(member, &at, &text, p);
    }
    strbuf_addc(&text, '}');
    const char *kept =
        strbuf_status(&text) == 0 ? arena_strndup(p->arena, text.data, text.len) : NULL;
    strbuf_done(&text);
    if (!kept) {
        p->out_of_memory = 1;
        return;
    }
    *(const char **)out = kept;
}

static const struct json_field result_fields[] = {
    {"rank", JSON_KIND_INT, JSON_REQUIRED | JSON_GE, AT(pfo_result, rank), 0, 0, NULL, NULL},
    {"iter_time", JSON_KIND_DOUBLES, JSON_REQUIRED, AT(pfo_result, iter_time_s), 0, 0, NULL, NULL},
    {"iter_energy", JSON_KIND_DOUBLES, JSON_REQUIRED, AT(pfo_result, iter_energy_j), 0, 0, NULL,
     NULL},
    {"time_breakdown", JSON_KIND_CUSTOM, 0, AT(pfo_result, time_breakdown), 0, 0, NULL,
     decode_breakdown},
    {"energy_breakdown", JSON_KIND_CUSTOM, 0, AT(pfo_result, energy_breakdown), 0, 0, NULL,
     decode_breakdown},
};

static const struct json_field deadline_fields[] = {
    {"deadline", JSON_KIND_DOUBLE, JSON_NULLABLE | JSON_GT, AT(pfo_deadline_body, deadline_s),
     AT(pfo_deadline_body, has_deadline), 0, NULL, NULL},
    {"straggler", JSON_KIND_INT, JSON_NULLABLE | JSON_GE, AT(pfo_deadline_body, straggler),
     AT(pfo_deadline_body, has_straggler), 0, NULL, NULL},
};

int pfo_decode_job(const char *body, size_t len, struct pfo_job_info *ret, struct json_problems *p)
{
    *ret = (struct pfo_job_info){.job_id = ""};
    return json_decode_body(body, len, job_fields, ARRAY_LEN(job_fields), ret, p);
}

int pfo_decode_rank(const char *body, size_t len, struct pfo_rank_info *ret,
                    struct json_problems *p)
{
    *ret = (struct pfo_rank_info){0};
    return json_decode_body(body, len, rank_fields, ARRAY_LEN(rank_fields), ret, p);
}

int pfo_decode_result(const char *body, size_t len, struct pfo_result *ret, struct json_problems *p)
{
    *ret = (struct pfo_result){.time_breakdown = "{}", .energy_breakdown = "{}"};
    return json_decode_body(body, len, result_fields, ARRAY_LEN(result_fields), ret, p);
}

int pfo_decode_deadline(const char *body, size_t len, struct pfo_deadline_body *ret,
                        struct json_problems *p)
{
    *ret = (struct pfo_deadline_body){0};
    return json_decode_body(body, len, deadline_fields, ARRAY_LEN(deadline_fields), ret, p);
}

void pfo_write_schedule(struct strbuf *out, int64_t rank, const struct pfo_steps *steps)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_i64(&w, "rank", rank);
    json_key(&w, "frequencies");
    json_begin_array(&w);
    for (size_t i = 0; i < steps->count; i++) {
        json_begin_array(&w);
        json_string(&w, steps->steps[i].instruction);
        json_i64(&w, steps->steps[i].frequency);
        json_end_array(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

void pfo_dump_schedule(struct strbuf *out, int64_t rank, const struct pfo_steps *steps)
{
    strbuf_addf(out, "{\"rank\": %lld, \"frequencies\": [", (long long)rank);
    for (size_t i = 0; i < steps->count; i++) {
        strbuf_adds(out, i ? ", [" : "[");
        dump_string(out, steps->steps[i].instruction);
        strbuf_addf(out, ", %lld]", (long long)steps->steps[i].frequency);
    }
    strbuf_adds(out, "]}");
}

void pfo_dump_rank(struct strbuf *out, const struct pfo_rank_info *info)
{
    strbuf_addf(out,
                "{\"rank\": %lld, \"dp_rank\": %lld, \"pp_rank\": %lld, \"tp_rank\": %lld, "
                "\"available_frequencies\": [",
                (long long)info->rank, (long long)info->dp_rank, (long long)info->pp_rank,
                (long long)info->tp_rank);
    for (size_t i = 0; i < info->available_frequencies.count; i++) {
        strbuf_addf(out, "%s%lld", i ? ", " : "", (long long)info->available_frequencies.items[i]);
    }
    strbuf_adds(out, "]}");
}

void pfo_dump_result(struct strbuf *out, const struct pfo_result *result)
{
    strbuf_addf(out, "{\"rank\": %lld, \"iter_time\": ", (long long)result->rank);
    dump_doubles(out, &result->iter_time_s);
    strbuf_adds(out, ", \"iter_energy\": ");
    dump_doubles(out, &result->iter_energy_j);
    strbuf_addf(out, ", \"time_breakdown\": %s, \"energy_breakdown\": %s}", result->time_breakdown,
                result->energy_breakdown);
}
