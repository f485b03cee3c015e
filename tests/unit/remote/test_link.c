/* SPDX-License-Identifier: Apache-2.0
 *
 * The transparent switch: settings and unreadable counters of local devices through a scripted
 * daemon. Above all: never the wrong GPU, never a negative energy.
 */
#include "daemon_rig.h"

#include "base/macro.h"
#include "device/device.h"
#include "remote/link.h"

/* A local device that remembers what was written to it. */
struct fake {
    struct device base;
    int writes;
};

static struct fake fakes[6];
static size_t fake_count;

static void destroy(struct device *dev)
{
    device_base_done(dev);
}

static int read_limits(struct device *dev, zeus_power_limits *ret, zeus_error *err)
{
    (void)dev;
    (void)err;
    *ret = (zeus_power_limits){300000000, 300000000, 100000000, 400000000};
    return 0;
}

static int write_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    (void)limit_uw;
    (void)err;
    ((struct fake *)(void *)dev)->writes++;
    return 0;
}

static int read_persistence(struct device *dev, int *ret, zeus_error *err)
{
    (void)dev;
    (void)err;
    *ret = 0;
    return 0;
}

static int write_clocks(struct device *dev, uint32_t clock, uint32_t min, uint32_t max,
                        zeus_error *err)
{
    (void)clock;
    (void)min;
    (void)max;
    return write_limit(dev, 0, err);
}

static int reset_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    (void)clock;
    return write_limit(dev, 0, err);
}

static int write_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    (void)is_enabled;
    return write_limit(dev, 0, err);
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret, zeus_error *err)
{
    if (dev->domains[domain].source == ZEUS_SOURCE_NONE) {
        (void)err;
        return ZEUS_EPERM;
    }
    *ret = 77;
    return 0;
}

static const struct device_ops gpu_ops = {.name = "nvml",
                                          .destroy = destroy,
                                          .read_energy = read_energy,
                                          .read_power_limits = read_limits,
                                          .write_power_limit = write_limit,
                                          .read_persistence = read_persistence,
                                          .write_persistence = write_persistence,
                                          .write_locked_clocks = write_clocks,
                                          .reset_locked_clocks = reset_clocks};
static const struct device_ops cpu_ops = {
    .name = "rapl", .destroy = destroy, .read_energy = read_energy};

/* The session's side of a test. */
struct world {
    struct daemon_rig rig;
    struct inventory inventory;
    struct remote_link *link;
    zeus_error err;
};

static const char *env_values[8]; /* name, value, ... */

static const char *get_env(const char *name)
{
    for (size_t i = 0; i + 1 < ARRAY_LEN(env_values) && env_values[i]; i += 2) {
        if (strcmp(env_values[i], name) == 0) {
            return env_values[i + 1];
        }
    }
    return NULL;
}

static void add_gpu(struct world *w, const char *pci, const char *uuid)
{
    struct fake *fake = &fakes[fake_count++];
    *fake = (struct fake){0};
    device_base_init(&fake->base, &gpu_ops, ZEUS_KIND_GPU);
    fake->base.info.index = (int32_t)w->inventory.devices.count;
    fake->base.info.physical_index = fake->base.info.index;
    (void)snprintf(fake->base.info.name, sizeof(fake->base.info.name), "NVIDIA H200");
    (void)snprintf(fake->base.info.pci, sizeof(fake->base.info.pci), "%s", pci);
    (void)snprintf(fake->base.info.uuid, sizeof(fake->base.info.uuid), "%s", uuid);
    device_set_feature(&fake->base, ZEUS_FEATURE_LIMIT_WRITE, ZEUS_EPERM, "not root", "be root");
    assert_int_equal(
        device_add_domain(&fake->base, &(zeus_domain_info){.kind = ZEUS_DOMAIN_GPU,
                                                           .source = ZEUS_SOURCE_COUNTER,
                                                           .parent = -1}),
        0);
    assert_int_equal(device_list_add(&w->inventory.devices, &fake->base), 0);
}

static void add_cpu(struct world *w, int zone, uint32_t source)
{
    struct fake *fake = &fakes[fake_count++];
    *fake = (struct fake){0};
    device_base_init(&fake->base, &cpu_ops, ZEUS_KIND_CPU);
    fake->base.info.physical_index = zone;
    (void)snprintf(fake->base.info.name, sizeof(fake->base.info.name), "package-%d", zone);
    (void)snprintf(fake->base.info.driver, sizeof(fake->base.info.driver), "powercap intel-rapl");
    zeus_domain_info package = {.kind = ZEUS_DOMAIN_PACKAGE, .source = source, .parent = -1};
    zeus_domain_info core = {.kind = ZEUS_DOMAIN_CORE, .source = source, .parent = 0};
    zeus_domain_info dram = {.kind = ZEUS_DOMAIN_DRAM, .source = source, .parent = -1};
    assert_int_equal(device_add_domain(&fake->base, &package), 0);
    assert_int_equal(device_add_domain(&fake->base, &core), 1);
    assert_int_equal(device_add_domain(&fake->base, &dram), 2);
    assert_int_equal(device_list_add(&w->inventory.devices, &fake->base), 0);
}

static void start(struct world *w, const char *discovery)
{
    *w = (struct world){.err = ZEUS_ERROR_INIT};
    fake_count = 0;
    memset(env_values, 0, sizeof(env_values));
    rig_start(&w->rig, discovery);
    env_values[0] = "ZEUSD_SOCK_PATH";
    env_values[1] = w->rig.path;
    w->inventory.env =
        (struct device_env){.root_fd = w->rig.dir.fd, .root = w->rig.dir.path, .get_env = get_env};
}

static void open_link(struct world *w)
{
    assert_int_equal(remote_link_open(&w->inventory, 0, &w->link), 0);
}

static void stop(struct world *w)
{
    device_list_done(&w->inventory.devices);
    remote_link_close(w->link);
    rig_stop(&w->rig);
}

static struct device *device(struct world *w, size_t i)
{
    return w->inventory.devices.items[i];
}

static int set_limit(struct world *w, size_t i)
{
    return device_set_power_limit(device(w, i), 200000000, &w->err);
}

static void without_a_name_nothing_happens(void **state)
{
    (void)state;
    struct world w;
    start(&w, MASTER_OPEN);
    env_values[0] = NULL;
    assert_int_equal(remote_link_open(&w.inventory, 0, &w.link), ZEUS_ENOTFOUND);
    assert_int_equal(fake_daemon_connections(w.rig.fake), 0);
    assert_int_equal(w.inventory.finding_count, 0);
    stop(&w);
}

static void settings_go_to_the_same_board(void **state)
{
    (void)state;
    struct world w;
    start(&w, MASTER_OPEN);
    add_gpu(&w, "00000000:86:00.0", ""); /* our 0 is the daemon's 1 */
    add_gpu(&w, "0000:3B:00.0", "");
    add_gpu(&w, "0000:aa:00.0", ""); /* not listed */
    open_link(&w);
    assert_int_equal(device(&w, 0)->features[ZEUS_FEATURE_LIMIT_WRITE].code, 0);
    fake_daemon_answer(w.rig.fake, "POST /gpu/set_power_limit", 200, "");
    fake_daemon_answer(w.rig.fake, "POST /gpu/set_persistence_mode", 200, "");
    fake_daemon_answer(w.rig.fake, "POST /gpu/set_gpu_locked_clocks", 200, "");
    fake_daemon_answer(w.rig.fake, "POST /gpu/set_mem_locked_clocks", 200, "");
    fake_daemon_answer(w.rig.fake, "POST /gpu/reset_gpu_locked_clocks", 200, "");
    fake_daemon_answer(w.rig.fake, "POST /gpu/reset_mem_locked_clocks", 200, "");
    assert_int_equal(set_limit(&w, 0), 0);
    assert_string_equal(rig_line(&w.rig, "POST"),
                        "POST /gpu/set_power_limit?gpu_ids=1&power_limit_mw=200000&block=true");
    assert_int_equal(set_limit(&w, 1), 0);
    assert_string_equal(rig_line(&w.rig, "POST"),
                        "POST /gpu/set_power_limit?gpu_ids=0&power_limit_mw=200000&block=true");
    assert_int_equal(device_set_persistence(device(&w, 0), 1, &w.err), 0);
    assert_string_equal(rig_line(&w.rig, "POST"),
                        "POST /gpu/set_persistence_mode?gpu_ids=1&enabled=true&block=true");
    assert_int_equal(device_set_locked_clocks(device(&w, 0), ZEUS_CLOCK_MEMORY, 1000, 2000, &w.err),
                     0);
    assert_string_equal(rig_line(&w.rig, "POST"),
                        "POST /gpu/set_mem_locked_clocks?gpu_ids=1&min_clock_mhz=1000"
                        "&max_clock_mhz=2000&block=true");
    assert_int_equal(device_reset_all_clocks(device(&w, 0), &w.err), 0);
    assert_string_equal(rig_line(&w.rig, "POST /gpu/reset_mem"),
                        "POST /gpu/reset_mem_locked_clocks?gpu_ids=1&block=true");
    size_t before = fake_daemon_count(w.rig.fake);
    assert_int_equal(device_set_power_limit(device(&w, 0), 300000000, &w.err), 0);
    assert_int_equal(device_set_power_limit(device(&w, 0), 1, &w.err), ZEUS_ERANGE);
    assert_int_equal(fake_daemon_count(w.rig.fake), before); /* unchanged, or out of range */

    assert_int_equal(set_limit(&w, 2), ZEUS_ENOTFOUND);
    assert_non_null(strstr(w.err.message, "lists no GPU at 0000:aa:00.0"));
    zeus_energy_sample sample;
    assert_int_equal(device_read_energy(device(&w, 2), 0, &sample, &w.err), 0);
    assert_int_equal(device(&w, 2)->features[ZEUS_FEATURE_LIMIT_WRITE].code, ZEUS_ENOTFOUND);
    assert_int_equal(fakes[0].writes + fakes[1].writes + fakes[2].writes, 0);
    const zeus_daemon_link *s = remote_link_state(w.link);
    assert_true(s->code == 0 && s->matched_gpus == 2 && s->gpu_count == 2);
    assert_int_equal(w.inventory.findings[0].family, ZEUS_FAMILY_DAEMON);
    assert_int_equal(w.inventory.findings[0].code, 0);

    /* A daemon that was restarted and numbers otherwise. */
    fake_daemon_answer(w.rig.fake, "GET /discover", 200,
                       "{\"gpus\":[{\"id\":0,\"name\":\"NVIDIA H200\",\"pci_address\":"
                       "\"0000:86:00.0\",\"cumulative_energy_available\":true}]," MASTER_CPUS
                       "," ALL_GROUPS ",\"auth_required\":false}");
    assert_int_equal(set_limit(&w, 0), 0);
    assert_string_equal(rig_line(&w.rig, "POST"),
                        "POST /gpu/set_power_limit?gpu_ids=0&power_limit_mw=200000&block=true");
    assert_int_equal(set_limit(&w, 1), ZEUS_ENOTFOUND);
    stop(&w);
}

#define GPU_AT(id, pci, more)                                        \
    "{\"id\":" id ",\"name\":\"NVIDIA H200\",\"pci_address\":\"" pci \
    "\",\"cumulative_energy_available\":true" more "}"
#define WITH_GPUS(gpus) \
    "{\"gpus\":[" gpus "]," MASTER_CPUS "," ALL_GROUPS ",\"auth_required\":false}"

static void boards_that_may_be_others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *discovery;
        int code;
        const char *words;
    } cases[] = {
        {WITH_GPUS(GPU_AT("0", "0000:3b:00.0", ",\"uuid\":\"GPU-2\"")), ZEUS_ESTATE,
         "not the same machine"},
        {WITH_GPUS("{\"id\":0,\"name\":\"NVIDIA A100\",\"pci_address\":\"0000:3b:00.0\","
                   "\"cumulative_energy_available\":true}"),
         ZEUS_ESTATE, "NVIDIA A100"},
        {WITH_GPUS(GPU_AT("0", "0000:3b:00.0", "") "," GPU_AT("1", "0000:3b:00.0", "")),
         ZEUS_ESTATE, "two GPUs"},
        {WITH_GPUS("{\"id\":0,\"name\":\"NVIDIA H200\"}"), ZEUS_ESTATE, "ZEUS_TRUST_INDEX=1"},
        {"{\"gpu_ids\":[0],\"cpu_ids\":[],\"dram_available\":[]}", ZEUS_ESTATE,
         "ZEUS_TRUST_INDEX=1"},
        {WITH_GPUS(""), ZEUS_ENOTFOUND, "lists no GPU"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        start(&w, cases[i].discovery);
        add_gpu(&w, "0000:3b:00.0", "GPU-1");
        open_link(&w);
        assert_int_equal(set_limit(&w, 0), cases[i].code);
        assert_non_null(strstr(w.err.message, cases[i].words));
        assert_string_equal(rig_line(&w.rig, "POST"), "");
        assert_int_equal(fakes[0].writes, 0);
        assert_int_equal(remote_link_state(w.link)->matched_gpus, 0);
        stop(&w);
    }
}

static void numbers_on_a_persons_word(void **state)
{
    (void)state;
    struct world w;
    start(&w, WITH_GPUS("{\"id\":0,\"name\":\"NVIDIA H200\"},{\"id\":1,\"name\":\"A100\"}"));
    env_values[2] = "ZEUS_TRUST_INDEX";
    env_values[3] = "1";
    add_gpu(&w, "0000:3b:00.0", "");
    add_gpu(&w, "0000:86:00.0", "");
    open_link(&w);
    fake_daemon_answer(w.rig.fake, "POST /gpu/set_power_limit", 200, "");
    assert_int_equal(set_limit(&w, 0), 0);
    assert_int_equal(set_limit(&w, 1), ZEUS_ESTATE); /* the name says otherwise */
    stop(&w);
}

static void another_machine_is_told(void **state)
{
    (void)state;
    struct discovery theirs = {.dialect = ZEUS_DIALECT_MASTER};
    zeus_error err = ZEUS_ERROR_INIT;
    struct match_trust trust = {.hostname = "here", .endpoint = "node7:4938"};
    assert_int_equal(match_host(&theirs, &trust, &err), ZEUS_ESTATE);
    trust.is_loopback = 1;
    assert_int_equal(match_host(&theirs, &trust, &err), 0);
    (void)snprintf(theirs.hostname, sizeof(theirs.hostname), "there"); /* a forwarded port */
    assert_int_equal(match_host(&theirs, &trust, &err), ZEUS_ESTATE);
    assert_non_null(strstr(err.message, "there"));
    trust.trusts_host = 1;
    assert_int_equal(match_host(&theirs, &trust, &err), 0);
    trust = (struct match_trust){.hostname = "there", .endpoint = "node7:4938"};
    assert_int_equal(match_host(&theirs, &trust, &err), 0);
    assert_true(match_is_loopback("127.0.0.1:4938") && match_is_loopback("localhost") &&
                match_is_loopback("[::1]:4938") && match_is_loopback("localhost:1"));
    assert_false(match_is_loopback("localhost.example:1") || match_is_loopback("10.0.0.1:1"));
    /* A UUID that is the same proves the board, wherever the daemon seems to be. */
    zeus_daemon_gpu gpu = {.id = 4, .pci = "0000:3b:00.0", .uuid = "GPU-1"};
    zeus_device_info ours = {.pci = "0000:3b:00.0", .uuid = "GPU-1"};
    uint32_t id = 0;
    theirs = (struct discovery){.dialect = ZEUS_DIALECT_ZEUS, .gpus = &gpu, .gpu_count = 1};
    trust.hostname = "elsewhere";
    assert_int_equal(match_gpu(&ours, &theirs, &trust, &id, &err), 0);
    assert_int_equal(id, 4);
    gpu.uuid[0] = '\0';
    assert_int_equal(match_gpu(&ours, &theirs, &trust, &id, &err), ZEUS_ESTATE);
}

static void a_daemon_that_is_not_there(void **state)
{
    (void)state;
    struct world w;
    zeus_energy_sample sample;
    start(&w, NULL);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/none.sock", w.rig.dir.path);
    env_values[1] = path;
    add_gpu(&w, "0000:3b:00.0", "");
    add_cpu(&w, 0, ZEUS_SOURCE_NONE);
    open_link(&w);
    assert_int_equal(w.inventory.findings[0].code, ZEUS_EDAEMON);
    assert_non_null(strstr(w.inventory.findings[0].detail, path));
    assert_non_null(strstr(w.inventory.findings[0].remedy, "start zeusd"));
    assert_int_equal(device_read_energy(device(&w, 0), 0, &sample, &w.err), 0);
    assert_int_equal(set_limit(&w, 0), ZEUS_EDAEMON);
    assert_non_null(strstr(w.err.message, path));
    const zeus_feature_state *can = &device(&w, 0)->features[ZEUS_FEATURE_LIMIT_WRITE];
    assert_int_equal(can->code, ZEUS_EDAEMON);
    assert_true(can->reason[0] && can->remedy[0]);
    /* It is started later: settings work from then on. */
    struct fake_daemon *late = fake_daemon_start_unix(path);
    fake_daemon_answer(late, "GET /discover", 200, MASTER_OPEN);
    fake_daemon_answer(late, "POST /gpu/set_power_limit", 200, "");
    assert_int_equal(set_limit(&w, 0), 0);
    fake_daemon_stop(late);
    stop(&w);
}

static void a_daemon_that_refuses(void **state)
{
    (void)state;
    struct world w;
    start(&w, MASTER(ALL_GROUPS, "true"));
    env_values[2] = "ZEUSD_TOKEN";
    env_values[3] = "tok";
    fake_daemon_answer(w.rig.fake, "GET /auth/whoami", 200,
                       "{\"sub\":\"dana\",\"scopes\":[\"gpu-read\"]}");
    add_gpu(&w, "0000:3b:00.0", "");
    add_cpu(&w, 0, ZEUS_SOURCE_NONE);
    open_link(&w);
    const zeus_feature_state *can = &device(&w, 0)->features[ZEUS_FEATURE_LIMIT_WRITE];
    assert_int_equal(can->code, ZEUS_EPERM);
    assert_non_null(strstr(can->reason, "no scope gpu-control"));
    assert_int_equal(set_limit(&w, 0), ZEUS_EPERM);
    assert_string_equal(rig_line(&w.rig, "POST"), "");
    fake_daemon_answer(w.rig.fake, "GET /auth/whoami", 401, "{\"error\":\"expired\"}");
    assert_int_equal(set_limit(&w, 0), ZEUS_EAUTH);
    assert_non_null(strstr(w.err.message, "expired"));
    assert_null(strstr(w.err.message, "tok\""));
    stop(&w);

    start(&w, "garbage");
    add_gpu(&w, "0000:3b:00.0", "");
    open_link(&w);
    assert_int_equal(remote_link_state(w.link)->code, ZEUS_EPARSE);
    stop(&w);

    start(&w, MASTER_OPEN);
    env_values[0] = "ZEUSD_HOST_PORT";
    env_values[1] = "http://wrong";
    add_gpu(&w, "0000:3b:00.0", "");
    open_link(&w);
    assert_int_equal(remote_link_state(w.link)->code, ZEUS_EINVAL);
    assert_int_equal(set_limit(&w, 0), ZEUS_EINVAL);
    stop(&w);
}

static void answer_energy(struct world *w, const char *zone, const char *cpu, const char *dram)
{
    char request[120];
    char body[160];
    (void)snprintf(request, sizeof(request),
                   "GET /cpu/get_cumulative_energy?cpu=true&dram=false&cpu_ids=%s", zone);
    (void)snprintf(body, sizeof(body), "{\"%s\":{\"cpu_energy_uj\":%s,\"dram_energy_uj\":null}}",
                   zone, cpu);
    fake_daemon_answer(w->rig.fake, request, 200, body);
    (void)snprintf(request, sizeof(request),
                   "GET /cpu/get_cumulative_energy?cpu=false&dram=true&cpu_ids=%s", zone);
    (void)snprintf(body, sizeof(body), "{\"%s\":{\"cpu_energy_uj\":null,\"dram_energy_uj\":%s}}",
                   zone, dram);
    fake_daemon_answer(w->rig.fake, request, 200, body);
}

static int read_uj(struct world *w, size_t i, uint32_t domain, uint64_t *ret)
{
    zeus_energy_sample sample = {0};
    int r = device_read_energy(device(w, i), domain, &sample, &w->err);
    *ret = sample.energy_uj;
    return r;
}

static void unreadable_counters_come_from_the_daemon(void **state)
{
    (void)state;
    struct world w;
    uint64_t uj = 0;
    start(&w, MASTER_OPEN);
    add_cpu(&w, 0, ZEUS_SOURCE_NONE);
    add_cpu(&w, 1, ZEUS_SOURCE_COUNTER); /* readable here: stays here */
    answer_energy(&w, "0", "1000", "50");
    open_link(&w);
    assert_int_equal(device(&w, 0)->domains[0].source, ZEUS_SOURCE_COUNTER);
    assert_non_null(strstr(device(&w, 0)->domains[0].origin, "zeusd "));
    assert_non_null(strstr(device(&w, 0)->domains[0].origin, "d.sock: intel-rapl:0"));
    assert_int_equal(device(&w, 0)->domains[1].source, ZEUS_SOURCE_NONE); /* core: not counted */
    assert_int_equal(device(&w, 0)->features[ZEUS_FEATURE_ENERGY_COUNTER].code, 0);
    assert_int_equal(device(&w, 0)->features[ZEUS_FEATURE_DRAM_ENERGY].code, 0);
    assert_int_equal(remote_link_state(w.link)->matched_cpus, 1);
    answer_energy(&w, "0", "1500", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1500);
    assert_int_equal(read_uj(&w, 0, 2, &uj), 0);
    assert_int_equal(uj, 80);
    assert_int_equal(read_uj(&w, 0, 1, &uj), ZEUS_EPERM);
    size_t before = fake_daemon_count(w.rig.fake);
    assert_int_equal(read_uj(&w, 1, 0, &uj), 0);
    assert_int_equal(uj, 77);
    assert_int_equal(fake_daemon_count(w.rig.fake), before);

    /* The total falls: the daemon forgot its wraps. Told once, then it goes on, never backwards. */
    answer_energy(&w, "0", "200", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_ESTALE);
    assert_int_equal(device_energy_holes(device(&w, 0), 0), 1);
    answer_energy(&w, "0", "260", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1560);
    assert_int_equal(device_energy_holes(device(&w, 0), 0), 1);
    assert_int_equal(device_energy_holes(device(&w, 0), 2), 0);

    answer_energy(&w, "0", "null", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_EDAEMON); /* null is no zero */
    answer_energy(&w, "0", "-1", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_EPARSE);
    fake_daemon_answer(w.rig.fake, "GET /cpu/get_cumulative_energy?cpu=true&dram=false&cpu_ids=0",
                       500, "{\"error\":\"gone\"}");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_EDAEMON);
    assert_non_null(strstr(w.err.message, "gone"));
    answer_energy(&w, "0", "270", "80");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1570);
    stop(&w);
}

#define BOOT(id)                                                                  \
    "{\"gpus\":[]," MASTER_CPUS "," ALL_GROUPS                                    \
    ",\"auth_required\":false,\"zeusd\":{\"version\":\"0.1.0\",\"boot_id\":\"" id \
    "\",\"features\":[]}}"

static void a_restarted_daemon_leaves_a_hole(void **state)
{
    (void)state;
    struct world w;
    uint64_t uj = 0;
    start(&w, BOOT("one"));
    add_cpu(&w, 0, ZEUS_SOURCE_NONE);
    answer_energy(&w, "0", "1000", "10");
    open_link(&w);
    answer_energy(&w, "0", "1100", "20");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1100);

    /* The connection alone was lost: no hole. */
    fake_daemon_drop(w.rig.fake);
    answer_energy(&w, "0", "1200", "30");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1200);

    /* Restarted, and its total is larger already: still nothing that may be subtracted. */
    fake_daemon_drop(w.rig.fake);
    fake_daemon_answer(w.rig.fake, "GET /discover", 200, BOOT("two"));
    answer_energy(&w, "0", "9000", "9000");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_ESTALE);
    answer_energy(&w, "0", "9050", "9001");
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1250);
    assert_int_equal(device_energy_holes(device(&w, 0), 0), 1);
    /* DRAM was read before the restart as well: its own hole, told by its own read. */
    assert_int_equal(read_uj(&w, 0, 2, &uj), ZEUS_ESTALE);
    answer_energy(&w, "0", "9050", "9004");
    assert_int_equal(read_uj(&w, 0, 2, &uj), 0);
    assert_int_equal(uj, 13); /* 10 at the start, 3 since the hole */

    /* Away for a while, then back as another: nothing is lost of the lesson. */
    fake_daemon_answer_raw(w.rig.fake, "GET /discover", "", FAKE_CLOSE);
    fake_daemon_drop(w.rig.fake);
    answer_energy(&w, "0", "9999", "9999");
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_EDAEMON);
    fake_daemon_answer(w.rig.fake, "GET /discover", 200, BOOT("three"));
    assert_int_equal(read_uj(&w, 0, 0, &uj), ZEUS_ESTALE);
    assert_int_equal(read_uj(&w, 0, 0, &uj), 0);
    assert_int_equal(uj, 1250);
    stop(&w);
}

static void cpus_that_only_the_daemon_knows(void **state)
{
    (void)state;
    struct world w;
    uint64_t uj = 0;
    start(&w, "{\"gpus\":[],\"cpus\":[{\"id\":0,\"dram_available\":true,\"name\":\"package-0\"},"
              "{\"id\":1,\"dram_available\":false,\"name\":\"psys\"}]," ALL_GROUPS
              ",\"auth_required\":false,\"zeusd\":{}}");
    add_gpu(&w, "0000:3b:00.0", "");
    answer_energy(&w, "0", "1000", "10");
    answer_energy(&w, "1", "5000", "null");
    open_link(&w);
    assert_int_equal(w.inventory.devices.count, 3);
    assert_int_equal(device(&w, 1)->info.kind, ZEUS_KIND_CPU);
    assert_string_equal(device(&w, 1)->info.name, "package-0");
    assert_string_equal(device(&w, 1)->info.backend, "zeusd");
    assert_int_equal(device(&w, 1)->domain_count, 2);
    assert_int_equal(device(&w, 2)->info.kind, ZEUS_KIND_PLATFORM);
    assert_int_equal(device(&w, 2)->domains[0].kind, ZEUS_DOMAIN_PSYS);
    assert_int_equal(read_uj(&w, 1, 1, &uj), 0);
    assert_int_equal(uj, 10);
    stop(&w);

    /* Without names: as many zones as packages, or nobody knows which one is psys. */
    start(&w, MASTER_OPEN);
    for (int i = 0; i < 4; i++) {
        char file[96];
        (void)snprintf(file, sizeof(file),
                       "sys/devices/system/cpu/cpu%d/topology/physical_package_id", i);
        testdir_write(&w.rig.dir, file, "%d\n", i % 2);
        (void)snprintf(file, sizeof(file), "sys/devices/system/cpu/cpu%d/topology/die_id", i);
        testdir_write(&w.rig.dir, file, "0\n");
    }
    answer_energy(&w, "0", "1", "1");
    answer_energy(&w, "1", "1", "null");
    open_link(&w);
    assert_int_equal(w.inventory.devices.count, 2);
    assert_string_equal(device(&w, 1)->info.name, "intel-rapl:1"); /* which one is not told */
    stop(&w);

    start(&w, MASTER_OPEN);
    testdir_write(&w.rig.dir, "sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
    open_link(&w);
    assert_int_equal(w.inventory.devices.count, 0);
    assert_non_null(strstr(remote_link_state(w.link)->detail, "psys"));
    stop(&w);
}

static void a_zone_that_the_daemon_lacks(void **state)
{
    (void)state;
    struct world w;
    start(&w, MASTER_OPEN);
    add_cpu(&w, 5, ZEUS_SOURCE_NONE);
    open_link(&w);
    assert_int_equal(device(&w, 0)->domains[0].source, ZEUS_SOURCE_NONE);
    assert_non_null(strstr(device(&w, 0)->features[ZEUS_FEATURE_ENERGY_COUNTER].remedy,
                           "no counter of package-5"));
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_name_nothing_happens),
        cmocka_unit_test(settings_go_to_the_same_board),
        cmocka_unit_test(boards_that_may_be_others_are_refused),
        cmocka_unit_test(numbers_on_a_persons_word),
        cmocka_unit_test(another_machine_is_told),
        cmocka_unit_test(a_daemon_that_is_not_there),
        cmocka_unit_test(a_daemon_that_refuses),
        cmocka_unit_test(unreadable_counters_come_from_the_daemon),
        cmocka_unit_test(a_restarted_daemon_leaves_a_hole),
        cmocka_unit_test(cpus_that_only_the_daemon_knows),
        cmocka_unit_test(a_zone_that_the_daemon_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
