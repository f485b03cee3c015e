/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/origin: any bytes as Host, Origin and Sec-Fetch-Site (a line each). Whatever is let through
 * must name a host we go by, and an Origin that is its own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "httpd/httpd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const hosts[] = {"node7.example"};

static int starts_with_ours(const char *host)
{
    static const char *const ours[] = {"localhost", "127.0.0.1",     "[::1]",
                                       "192.0.2.7", "node7.example", "[2001:db8::1]"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        size_t len = strlen(ours[i]);
        if (strncasecmp(host, ours[i], len) == 0 && (host[len] == '\0' || host[len] == ':')) {
            return 1;
        }
    }
    return 0;
}

static void check(const struct httpd_origin *o)
{
    if (!httpd_origin_check(o, hosts, ARRAY_LEN(hosts))) {
        return;
    }
    int is_v6 = o->host && o->host[0] == '['; /* may be written in many ways */
    if (!o->is_local && !is_v6 && (!o->host || !starts_with_ours(o->host))) {
        abort();
    }
    if (o->origin && (!o->host || !strstr(o->origin, "://") ||
                      strcasecmp(strstr(o->origin, "://") + 3, o->host) != 0)) {
        abort();
    }
    if (o->fetch_site && strcasecmp(o->fetch_site, "cross-site") == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    char *rest = text;
    const char *lines[3] = {NULL, NULL, NULL};
    for (size_t i = 0; i < ARRAY_LEN(lines) && rest; i++) {
        char *line = strsep(&rest, "\n");
        lines[i] = *line ? line : NULL;
    }
    static const char *const addresses[] = {"192.0.2.7", "2001:db8::1", "", NULL};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct httpd_origin o = {lines[0], lines[1], lines[2], addresses[i], i == 3};
        check(&o);
    }
    free(text);
    return 0;
}
