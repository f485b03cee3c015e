/* SPDX-License-Identifier: Apache-2.0
 *
 * MADV_WIPEONFORK (Linux 4.14): a child finds the page zeroed.
 */
#include "base/forkmark.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARK 0x5a455553u

void forkmark_init(struct forkmark *mark)
{
    mark->pid = (int64_t)getpid();
    mark->page = NULL;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, size, MADV_WIPEONFORK) < 0) {
        (void)munmap(page, size);
        return;
    }
    *page = MARK;
    mark->page = page;
}

void forkmark_done(struct forkmark *mark)
{
    if (mark->page) {
        (void)munmap((void *)(uintptr_t)mark->page, (size_t)sysconf(_SC_PAGESIZE));
        mark->page = NULL;
    }
}

int forkmark_is_child(const struct forkmark *mark)
{
    return mark->page ? *mark->page != MARK : (int64_t)getpid() != mark->pid;
}
