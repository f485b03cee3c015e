/* SPDX-License-Identifier: Apache-2.0
 *
 * A GPU that is four numbers and a power range, behind the device frame. Survives the daemon under
 * test, as hardware does.
 */
#ifndef ZEUS_TESTS_DAEMON_FAKE_GPU_H
#define ZEUS_TESTS_DAEMON_FAKE_GPU_H

#include "daemon/setting.h"
#include "device/backend.h"

struct fake_gpu {
    struct device base;
    struct setting_value values[SETTING_COUNT];
    int fail_with;       /* every write fails with this code, nothing changed */
    int fail_after_with; /* every write is done and then reported as failed */
    int has_no_single_reset;
    int cannot_read;
    int writes;
    void (*in_write)(void *user); /* called within every write; NULL: nothing */
    void *in_write_user;
};

/* 300 W of 100 to 400 W, persistence off, clocks unlocked; UUID "GPU-<number>". */
void fake_gpu_init(struct fake_gpu *gpu, int number);

#endif /* ZEUS_TESTS_DAEMON_FAKE_GPU_H */
