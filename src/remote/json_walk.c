/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking over JSON replies.
 */
#include "remote/json_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "codec/utf8.h"

int json_walk_open(struct json_reader *r, const char *text, size_t len)
{
    json_reader_init(r, text, len);
    int t = json_next(r);
    return t < 0 ? t : t == JSON_OBJECT_BEGIN ? 0 : ZEUS_EPARSE;
}

int json_walk_close(struct json_reader *r)
{
    return json_next(r) == JSON_END ? 0 : ZEUS_EPARSE;
}

/* Moves onto a member's value. */
static int next_value(struct json_reader *r)
{
    int t = json_next(r);
    return t < 0 ? t : t == JSON_END ? ZEUS_EPARSE : 0;
}

static int find_member(const struct json_reader *r, const struct json_walk_member *members,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_is(r, members[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

int json_walk_object(struct json_reader *r, const struct json_walk_member *members, size_t count,
                     void *user, uint32_t *ret_seen)
{
    uint32_t seen = 0;
    if (r->token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int i = find_member(r, members, count);
        if (i >= 0 && (seen & (1u << i))) {
            return ZEUS_EPARSE;
        }
        int e = next_value(r);
        if (e == 0) {
            e = i < 0 ? json_skip(r) : members[i].handle(r, user);
        }
        if (e < 0) {
            return e;
        }
        seen |= i >= 0 ? 1u << i : 0;
    }
    if (t != JSON_OBJECT_END) {
        return t < 0 ? t : ZEUS_EPARSE;
    }
    *ret_seen = seen;
    return 0;
}

int json_walk_ids(struct json_reader *r, json_walk_id_fn *handle, void *user)
{
    if (r->token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        char key[16];
        uint32_t id = 0;
        int len = json_get_string(r, key, sizeof(key));
        if (len < 0 || parse_u32(key, (size_t)len, &id) < 0) {
            return ZEUS_EPARSE;
        }
        int e = next_value(r);
        e = e == 0 ? handle(r, id, user) : e;
        if (e < 0) {
            return e;
        }
    }
    return t == JSON_OBJECT_END ? 0 : t < 0 ? t : ZEUS_EPARSE;
}

int json_walk_array(struct json_reader *r, json_walk_fn *handle, void *user)
{
    if (r->token != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    int t = json_next(r);
    for (; t > 0 && t != JSON_ARRAY_END; t = json_next(r)) {
        int e = handle(r, user);
        if (e < 0) {
            return e;
        }
    }
    return t == JSON_ARRAY_END ? 0 : t < 0 ? t : ZEUS_EPARSE;
}

int json_walk_u32(const struct json_reader *r, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (r->token != JSON_NUMBER || json_get_u64(r, &value) < 0 || value > UINT32_MAX) {
        return ZEUS_EPARSE;
    }
    *ret_value = (uint32_t)value;
    return 0;
}

int json_walk_bool(const struct json_reader *r, int32_t *ret_value)
{
    if (r->token != JSON_TRUE && r->token != JSON_FALSE) {
        return ZEUS_EPARSE;
    }
    *ret_value = r->token == JSON_TRUE;
    return 0;
}

int json_walk_text(const struct json_reader *r, char *out, size_t size)
{
    if (r->token != JSON_STRING) {
        return ZEUS_EPARSE;
    }
    char *whole _free_ = mem_calloc(r->size + 1, 1);
    if (!whole) {
        return ZEUS_ENOMEM;
    }
    int len = json_get_string(r, whole, r->size + 1);
    if (len < 0) {
        return ZEUS_EPARSE;
    }
    size_t kept = 0;
    while (kept < (size_t)len) {
        size_t step = utf8_sequence_length(whole + kept, (size_t)len - kept);
        if (step == 0 || kept + step >= size) {
            break;
        }
        kept += step;
    }
    memcpy(out, whole, kept);
    out[kept] = '\0';
    return 0;
}
