/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes by table: decoded path segments against "/fixed/{parameter}" patterns. Tables are a dozen
 * lines long, so a linear walk is the fastest thing there is. A fixed path listed before one with a
 * parameter wins.
 */
#include <string.h>

#include "httpd/httpd_private.h"

/* Next segment of a pattern: its length, and the pattern moved past it. */
static size_t next_segment(const char **pattern, const char **ret_start)
{
    *ret_start = *pattern + 1; /* past the '/' */
    size_t len = strcspn(*ret_start, "/");
    *pattern = *ret_start + len;
    return len;
}

static int path_matches(const char *pattern, const struct url_target *target,
                        const char *params[HTTPD_PARAMS_MAX])
{
    size_t segment = 0;
    size_t param = 0;
    while (*pattern) {
        const char *want;
        size_t len = next_segment(&pattern, &want);
        if (segment == target->segment_count) {
            return 0;
        }
        const char *have = target->segments[segment++];
        if (len > 2 && want[0] == '{') {
            if (*have == '\0' || param == HTTPD_PARAMS_MAX) {
                return 0;
            }
            params[param++] = have;
        } else if (strlen(have) != len || memcmp(have, want, len) != 0) {
            return 0;
        }
    }
    return segment == target->segment_count;
}

static void add_method(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);
    size_t need = strlen(method) + (used ? 2 : 0);
    if (used + need + 1 > size) {
        return;
    }
    if (used) {
        strcpy(allow + used, ", ");
    }
    strcat(allow, method);
}

int httpd_match(const struct httpd_options *options, const char *method, struct httpd_req *req,
                char *allow, size_t allow_size)
{
    int has_path = 0;
    allow[0] = '\0';
    for (size_t i = 0; i < options->route_count; i++) {
        const struct httpd_route *route = &options->routes[i];
        const char *params[HTTPD_PARAMS_MAX] = {NULL};
        if (!path_matches(route->path, &req->target, params)) {
            continue;
        }
        if (strcmp(route->method, method) == 0) {
            memcpy(req->params, params, sizeof(params));
            req->route = route;
            return (int)i;
        }
        has_path = 1;
        add_method(allow, allow_size, route->method);
    }
    return has_path ? -405 : -404;
}
