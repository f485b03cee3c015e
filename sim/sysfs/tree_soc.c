/* SPDX-License-Identifier: Apache-2.0
 *
 * hwmon power meters (Grace) and the INA3221 of Jetson boards in the forms of both drivers.
 */
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "sysfs/tree.h"

/* One ACPI power meter a channel: hwmonN with its attributes in device/, named by power1_oem_info.
 */
static int add_meter(struct tree *tree, uint32_t device, const struct sim_sensor *sensor,
                     uint32_t number)
{
    char key[40];
    char path[160];
    char meter[64];
    (void)snprintf(key, sizeof(key), "hwmon.label.%.24s", sensor->name);
    const char *label = sim_attr(tree_sim(tree), device, key);
    (void)snprintf(meter, sizeof(meter), "sys/devices/ACPI000D:%02u", number);
    const struct {
        const char *name;
        const char *text;
    } rows[] = {{"name", "power_meter"},
                {"power1_oem_info", label ? label : sensor->name},
                {"power1_is_battery", "0"},
                {"power1_average_interval", "50"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", meter, rows[i].name);
        int r = tree_add_text(tree, path, "%s\n", rows[i].text);
        if (r < 0) {
            return r;
        }
    }
    (void)snprintf(path, sizeof(path), "%s/power1_average", meter);
    int r = tree_add_value(tree, path, device, TREE_POWER_UW, sensor->name, 1e6);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "sys/class/hwmon/hwmon%u/name", number);
        r = tree_add_text(tree, path, "power_meter\n");
    }
    if (r == 0) {
        char target[96];
        (void)snprintf(path, sizeof(path), "sys/class/hwmon/hwmon%u/device", number);
        (void)snprintf(target, sizeof(target), "../../../../%s", meter);
        r = tree_add_link(tree, path, target);
    }
    return r;
}

int tree_add_hwmon(struct tree *tree)
{
    struct sim *sim = tree_sim(tree);
    uint32_t number = 0;
    for (uint32_t i = 0; i < sim_device_count(sim); i++) {
        const struct sim_device *dev = sim_device(sim, i);
        for (uint32_t s = 0; s < dev->sensor_count && dev->kind == SIM_HWMON; s++) {
            int r = add_meter(tree, i, &dev->sensors[s], number++);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* "1-0040 1 VDD_GPU_SOC 19000": chip, channel number, label, millivolts. */
struct rail {
    char chip[16];
    unsigned int number;
    char label[32];
    unsigned int mv;
};

static int add_rail_hwmon(struct tree *tree, uint32_t device, const char *sensor,
                          const struct rail *rail)
{
    char dir[96];
    char path[160];
    (void)snprintf(dir, sizeof(dir), "sys/bus/i2c/drivers/ina3221/%s/hwmon/hwmon%u", rail->chip,
                   rail->chip[5] == '1' ? 4u : 3u);
    (void)snprintf(path, sizeof(path), "%s/in%u_label", dir, rail->number);
    int r = tree_add_text(tree, path, "%s\n", rail->label);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/in%u_input", dir, rail->number);
        r = tree_add_text(tree, path, "%u\n", rail->mv);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/curr%u_input", dir, rail->number);
        r = tree_add_value(tree, path, device, TREE_MILLIAMPERE, sensor, 1e6 / rail->mv);
    }
    return r;
}

static int add_rail_iio(struct tree *tree, uint32_t device, const char *sensor,
                        const struct rail *rail)
{
    char dir[96];
    char path[160];
    (void)snprintf(dir, sizeof(dir), "sys/bus/i2c/drivers/ina3221x/%s/iio:device%c", rail->chip,
                   rail->chip[5]);
    (void)snprintf(path, sizeof(path), "%s/rail_name_%u", dir, rail->number);
    int r = tree_add_text(tree, path, "%s\n", rail->label);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/in_voltage%u_input", dir, rail->number);
        r = tree_add_text(tree, path, "%u\n", rail->mv);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/in_current%u_input", dir, rail->number);
        r = tree_add_value(tree, path, device, TREE_MILLIAMPERE, sensor, 1e6 / rail->mv);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/in_power%u_input", dir, rail->number);
        r = tree_add_value(tree, path, device, TREE_POWER_MW, sensor, 1e3);
    }
    return r;
}

static int add_rails(struct tree *tree, uint32_t device)
{
    const struct sim_device *dev = sim_device(tree_sim(tree), device);
    const char *driver = sim_attr(tree_sim(tree), device, "jetson.driver");
    int is_old = driver && strcmp(driver, "ina3221x") == 0;
    for (uint32_t s = 0; s < dev->sensor_count; s++) {
        char key[40];
        struct rail rail;
        (void)snprintf(key, sizeof(key), "jetson.rail.%.24s", dev->sensors[s].name);
        const char *text = sim_attr(tree_sim(tree), device, key);
        if (!text ||
            sscanf(text, "%15s %2u %31s %6u", rail.chip, &rail.number, rail.label, &rail.mv) != 4 ||
            strlen(rail.chip) < 6 || rail.mv == 0 || strchr(rail.chip, '/')) {
            continue; /* a sensor that no rail shows */
        }
        int r = is_old ? add_rail_iio(tree, device, dev->sensors[s].name, &rail)
                       : add_rail_hwmon(tree, device, dev->sensors[s].name, &rail);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int tree_add_jetson(struct tree *tree)
{
    struct sim *sim = tree_sim(tree);
    if (sim_kind_count(sim, SIM_JETSON) == 0) {
        return 0;
    }
    int r = tree_add_text(tree, "etc/nv_tegra_release", "# R36 (release), REVISION: 3.0\n");
    for (uint32_t i = 0; i < sim_device_count(sim) && r == 0; i++) {
        if (sim_device(sim, i)->kind == SIM_JETSON) {
            r = add_rails(tree, i);
        }
    }
    return r;
}
