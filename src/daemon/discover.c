/* SPDX-License-Identifier: Apache-2.0
 *
 * The discovery document: made once, at the start. Keys of the published protocol first; what is
 * ours is under "zeusd" and in extra keys of the devices, which existing clients pass over.
 */
#include <stdlib.h>
#include <string.h>

#include <zeus/version.h>

#include "base/macro.h"
#include "codec/json_writer.h"
#include "daemon/daemon.h"
#include "daemon/slot_read.h"

#define DISCOVER_MAX (1u << 20)

static void write_gpu(struct json_writer *w, struct slot *slot)
{
    json_begin_object(w);
    json_key_u64(w, "id", slot->id);
    json_key_string(w, "name", slot_info(slot)->name);
    json_key_string(w, "pci_address", slot_info(slot)->pci);
    json_key_bool(w, "cumulative_energy_available", slot_has_counter(slot));
    json_key_string(w, "uuid", slot_info(slot)->uuid);
    json_key_string(w, "backend", slot_info(slot)->backend);
    json_key_bool(w, "simulated", (slot_info(slot)->flags & ZEUS_DEVICE_SIMULATED) != 0);
    json_end_object(w);
}

static void write_cpu(struct json_writer *w, struct slot *slot)
{
    json_begin_object(w);
    json_key_u64(w, "id", slot->id);
    json_key_bool(w, "dram_available", slot_has_dram(slot));
    json_key_string(w, "name", slot_info(slot)->name);
    json_key_string(w, "backend", slot_info(slot)->backend);
    json_key_bool(w, "simulated", (slot_info(slot)->flags & ZEUS_DEVICE_SIMULATED) != 0);
    json_end_object(w);
}

static void write_devices(struct json_writer *w, struct node *node)
{
    json_key(w, "gpus");
    json_begin_array(w);
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        write_gpu(w, &node->gpus[i]);
    }
    json_end_array(w);
    json_key(w, "cpus");
    json_begin_array(w);
    for (size_t i = 0; i < node->cpu_count; i++) {
        write_cpu(w, &node->cpus[i]);
    }
    json_end_array(w);
}

static void write_groups(struct json_writer *w, const struct auth_scopes *groups)
{
    json_key(w, "enabled_api_groups");
    json_begin_array(w);
    for (size_t i = 0; i < (size_t)groups->count; i++) {
        json_string(w, auth_scope_name(groups->order[i]));
    }
    json_end_array(w);
}

static void write_ours(struct json_writer *w, const struct daemon *daemon)
{
    static const char *const features[] = {"lease",
                                           "partial",
                                           "history",
                                           "metrics",
                                           "windows",
                                           "energy_stream",
                                           "temperature_stream",
                                           "clocks_stream",
                                           "resume"};
    json_key(w, "zeusd");
    json_begin_object(w);
    json_key_string(w, "version", ZEUS_VERSION_STRING);
    json_key_string(w, "boot_id", daemon->boot_id);
    json_key_string(w, "hostname", daemon->hostname);
    json_key(w, "features");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        json_string(w, features[i]);
    }
    json_end_array(w);
    json_end_object(w);
}

int discover_write(struct daemon *daemon, char **ret_text)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, DISCOVER_MAX);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    write_devices(&w, &daemon->node);
    write_groups(&w, &daemon->config.groups);
    json_key_bool(&w, "auth_required", daemon_trust(daemon)->keys != NULL);
    write_ours(&w, daemon);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        r = strbuf_take(&out, ret_text);
    }
    strbuf_done(&out);
    return r;
}

void daemon_discover(struct daemon *daemon, struct httpd_reply *reply)
{
    ZEUS_ASSERT(pthread_rwlock_rdlock(&daemon->trust_lock) == 0);
    httpd_reply_json(reply, 200, daemon->discover, strlen(daemon->discover));
    ZEUS_ASSERT(pthread_rwlock_unlock(&daemon->trust_lock) == 0);
}
