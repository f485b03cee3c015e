/* SPDX-License-Identifier: Apache-2.0
 *
 * macOS: the process id is compared (getpid is answered without entering the kernel there).
 */
#include "base/forkmark.h"

#include <stddef.h>
#include <unistd.h>

void forkmark_init(struct forkmark *mark)
{
    mark->page = NULL;
    mark->pid = (int64_t)getpid();
}

void forkmark_done(struct forkmark *mark)
{
    (void)mark; /* owns nothing here */
}

int forkmark_is_child(const struct forkmark *mark)
{
    return (int64_t)getpid() != mark->pid;
}
