/* SPDX-License-Identifier: Apache-2.0
 *
 * Controllers that act on devices.
 *
 * The frequency controller locks a GPU's graphics clock to what a plan says, from a thread of its
 * own: a driver call takes milliseconds, the training loop must not wait for it.
 *
 *     zeus_frequency_controller_open(gpu, NULL, &controller, &err);
 *     for each instruction:
 *         zeus_pipeline_client_next(client, "forward", &mhz, &err);
 *         zeus_frequency_controller_set(controller, (uint32_t)mhz);
 *     zeus_frequency_controller_close(controller, &err);              puts the settings back
 *
 * Where the session reaches the device through a privileged daemon, so does the controller: it only
 * uses the device's setters.
 */
#ifndef ZEUS_OPTIM_H
#define ZEUS_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/device.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_frequency_controller zeus_frequency_controller;

/* zeus_frequency_options.flags: leave alone what opening would otherwise set */
#define ZEUS_FREQUENCY_KEEP_POWER_LIMIT    (1u << 0)
#define ZEUS_FREQUENCY_KEEP_MEMORY_CLOCK   (1u << 1)
#define ZEUS_FREQUENCY_KEEP_GRAPHICS_CLOCK (1u << 2)

/* Zero it, set `size`. */
typedef struct zeus_frequency_options {
    size_t size;    /* sizeof(zeus_frequency_options) */
    uint32_t flags; /* ZEUS_FREQUENCY_KEEP_... */
    uint32_t reserved;
} zeus_frequency_options;

/* Sets the power limit to its default, locks the memory clock to its highest where that is
 * supported and the graphics clock to its highest, so that a plan meets what its profile met, and
 * starts the thread. `options` may be NULL; the device must outlive the controller. ZEUS_EPERM and
 * ZEUS_ENOTSUP with the driver's words, nothing changed then. */
ZEUS_API int zeus_frequency_controller_open(zeus_device *gpu, const zeus_frequency_options *options,
                                            zeus_frequency_controller **ret_controller,
                                            zeus_error *err) ZEUS_CHECK;

/* Hands a frequency over and returns at once; 0 means leave it as it is. The newest wins: one that
 * the thread has not taken up yet is superseded, so the clock never lags behind by more than one
 * driver call. ZEUS_ERANGE for what the device does not offer; otherwise the result of the newest
 * finished driver call, as news of a failure that could not be told before. Any thread. */
ZEUS_API int zeus_frequency_controller_set(zeus_frequency_controller *controller, uint32_t mhz);

/* Waits until what was handed over before has been applied; ZEUS_ETIMEOUT. The result of the
 * driver call, with its words. */
ZEUS_API int zeus_frequency_controller_wait(zeus_frequency_controller *controller,
                                            uint64_t timeout_ns, zeus_error *err) ZEUS_CHECK;

typedef struct zeus_frequency_state {
    uint64_t requests;   /* frequencies handed over, 0 not counted */
    uint64_t applied;    /* driver calls that succeeded */
    uint64_t unchanged;  /* requests for the frequency that is locked already */
    uint64_t superseded; /* requests that a newer one overtook */
    uint64_t failed;     /* driver calls that failed */
    uint64_t call_ns;    /* time in driver calls, and the longest of them */
    uint64_t call_max_ns;
    uint64_t delay_max_ns; /* longest time from a request to its clock */
    uint32_t locked_mhz;   /* 0: not locked by the controller yet */
    int32_t code;          /* of the newest driver call */
} zeus_frequency_state;

ZEUS_API int zeus_frequency_controller_read(zeus_frequency_controller *controller,
                                            zeus_frequency_state *ret_state) ZEUS_CHECK;

/* Ends the thread after the call it is in and puts back what opening and setting changed: clocks
 * are unlocked (drivers do not tell what they were locked to before), the power limit gets its
 * former value. Frees the controller in any case; the result tells of the first setting that could
 * not be put back. NULL is fine. In a forked child it only frees. */
ZEUS_API int zeus_frequency_controller_close(zeus_frequency_controller *controller,
                                             zeus_error *err);

ZEUS_END_DECLS

#endif /* ZEUS_OPTIM_H */
