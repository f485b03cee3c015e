/* SPDX-License-Identifier: Apache-2.0
 *
 * A libcuda and a libamdhip64 of a few lines, to see who calls what. Built as shared libraries with
 * the vendors' sonames; the test loads them by path and finds this state by name.
 */
#ifndef ZEUS_TESTS_FAKE_GPU_DRIVER_H
#define ZEUS_TESTS_FAKE_GPU_DRIVER_H

#define FAKE_DEVICES 4

struct fake_gpu_driver {
    int is_initialized;
    int device_count;
    int current;                 /* device whose context is current, -1: none */
    int is_active[FAKE_DEVICES]; /* has a primary context */
    int synced[FAKE_DEVICES];    /* times waited for */
    int retained[FAKE_DEVICES];  /* references beyond the program's own */
    int made;                    /* contexts that did not exist before */
    int sync_code;               /* what waiting returns */
    int pushed;
    int before_push;
    int sets; /* HIP: times the device was set */
};

#define FAKE_GPU_DRIVER_STATE "fake_gpu_driver_state"

#endif /* ZEUS_TESTS_FAKE_GPU_DRIVER_H */
