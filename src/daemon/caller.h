/* SPDX-License-Identifier: Apache-2.0
 *
 * Who made a request, as admission found out: the peer, the token's subject, and the site's rule
 * that applies. Travels by value with the work, since the connection may be gone before it is done.
 */
#ifndef ZEUS_DAEMON_CALLER_H
#define ZEUS_DAEMON_CALLER_H

#include <stdint.h>

struct site_rule;

struct caller {
    int is_local; /* a Unix socket: uid, gid and pid are known */
    uint32_t uid;
    uint32_t gid;
    int32_t pid;
    uint32_t scopes; /* AUTH_GPU_CONTROL... it may use here and now */
    char address[48];
    char subject[128];     /* of the token; "" without */
    char certificate[128]; /* of the verified client certificate; "" without */
    int has_token;         /* then what follows is the token's: */
    int has_issued;
    uint64_t issued_s;
    uint64_t end_s;               /* Unix time from which on it is not taken; UINT64_MAX: never */
    uint64_t key_tag;             /* auth_keyring_tag of the key that signed it */
    char owner[160];              /* "uid:1000", "token:dana", "certificate:node7", "anonymous" */
    const struct site_rule *rule; /* borrowed from a policy that lives as long as the daemon; NULL:
                                     everything is allowed */
};

#endif /* ZEUS_DAEMON_CALLER_H */
