/* SPDX-License-Identifier: Apache-2.0
 *
 * Device structs without hardware, for the monitor's tests: readings come through monitor_io.
 */
#ifndef ZEUS_TESTS_FAKE_DEVICES_H
#define ZEUS_TESTS_FAKE_DEVICES_H

#include "device/backend.h"

/* GPUs with one "gpu" domain; owned, fake_devices_free. */
struct device *fake_gpu(int index, uint32_t source, const char *sensor_class);
/* A CPU package with package-N and dram. */
struct device *fake_cpu(int index);
void fake_device_free(struct device *dev);

#endif /* ZEUS_TESTS_FAKE_DEVICES_H */
