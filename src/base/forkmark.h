/* SPDX-License-Identifier: Apache-2.0
 *
 * Knows whether this process is the one that made the mark, without a system call where the kernel
 * helps (a page that is wiped on fork), by process id elsewhere.
 */
#ifndef ZEUS_BASE_FORKMARK_H
#define ZEUS_BASE_FORKMARK_H

#include <stdint.h>

struct forkmark {
    const volatile uint32_t *page; /* owned; NULL: compare ids */
    int64_t pid;
};

void forkmark_init(struct forkmark *mark);
void forkmark_done(struct forkmark *mark);

/* 1 in a child of the process that made the mark. */
int forkmark_is_child(const struct forkmark *mark);

#endif /* ZEUS_BASE_FORKMARK_H */
