/* SPDX-License-Identifier: Apache-2.0
 *
 * The Apple device over a scripted source, and the IOReport subscription over scripted functions
 * that count every object they hand out.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/apple/apple_device.h"
#include "device/apple/darwin/ioreport.h"
#include "device/device.h"

struct channel {
    const char *name;
    const char *unit;
    int64_t value;
};

struct script {
    const struct channel *channels;
    size_t count;
    int code;
    int closed;
};

static int script_next(void *state, apple_channel_fn *each, void *user, zeus_error *err)
{
    struct script *s = state;
    if (s->code < 0) {
        return err_set(err, s->code, "scripted failure");
    }
    for (size_t i = 0; i < s->count; i++) {
        int r = each(s->channels[i].name, s->channels[i].unit, s->channels[i].value, user);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void script_close(void *state)
{
    struct script *s = state;
    s->closed++;
}

static const struct device_env env = {.root_fd = -1, .root = ""};

static uint64_t energy_uj(struct device *dev, uint32_t domain)
{
    zeus_energy_sample sample = {0};
    assert_int_equal(device_read_energy(dev, domain, &sample, NULL), 0);
    return sample.energy_uj;
}

static void reads(void **state)
{
    (void)state;
    static const struct channel start[] = {
        {"ECPU0", "mJ", 100}, {"PCPU0", "mJ", 200},      {"ECPU", "mJ", 110},
        {"PCPU", "mJ", 210},  {"CPU Energy", "mJ", 320}, {"GPU Energy", "nJ", 1000},
        {"DRAM", "mJ", 5},    {"AVE", "??", 1},
    };
    static const struct channel more[] = {
        {"ECPU0", "mJ", 1},      {"PCPU0", "mJ", 2},        {"ECPU", "mJ", 1}, {"PCPU", "mJ", 2},
        {"CPU Energy", "mJ", 3}, {"GPU Energy", "nJ", 600}, {"DRAM", "mJ", 0},
    };
    static const char *const names[] = {"cpu",
                                        "efficiency-cluster-0",
                                        "performance-cluster-0",
                                        "efficiency-core-0",
                                        "performance-core-0",
                                        "dram",
                                        "gpu"};
    struct script s = {.channels = start, .count = ARRAY_LEN(start)};
    const struct apple_source source = {script_next, script_close, &s};
    struct device_list list = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(apple_device_add(&env, &source, &list, &err), 0);
    struct device *dev = list.items[0];
    assert_int_equal(dev->domain_count, ARRAY_LEN(names));
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(dev->domains[i].name, names[i]);
        assert_int_equal(dev->domains[i].parent, i >= 1 && i <= 4 ? 0 : -1);
    }
    s.channels = more;
    s.count = ARRAY_LEN(more);
    assert_int_equal(energy_uj(dev, 6), 1);      /* 1600 nJ */
    assert_int_equal(energy_uj(dev, 6), 2);      /* 2200 nJ: nothing was lost below 1 uJ */
    assert_int_equal(energy_uj(dev, 0), 329000); /* three samples, three times 3 mJ */
    zeus_energy_sample sample;
    s.count = 2; /* channels vanish */
    assert_int_equal(device_read_energy(dev, 0, &sample, &err), ZEUS_ESTATE);
    s.code = ZEUS_EDRIVER;
    assert_int_equal(device_read_energy(dev, 0, &sample, &err), ZEUS_EDRIVER);
    assert_string_equal(err.message, "scripted failure");
    device_list_done(&list);
    assert_int_equal(s.closed, 1);
}

static void without_total(void **state)
{
    (void)state;
    static const struct channel channels[] = {
        {"ECPU0", "mJ", 1}, {"ECPU", "mJ", 1}, {"PCPU0", "mJ", 2}};
    struct script s = {.channels = channels, .count = ARRAY_LEN(channels)};
    const struct apple_source source = {script_next, script_close, &s};
    struct device_list list = {0};
    assert_int_equal(apple_device_add(&env, &source, &list, NULL), 0);
    assert_int_equal(list.items[0]->domains[1].parent, 0);  /* core in its cluster */
    assert_int_equal(list.items[0]->domains[2].parent, -1); /* no cluster of its kind */
    device_list_done(&list);
}

static void bad_sources(void **state)
{
    (void)state;
    static const struct channel strange[] = {{"AVE", "mJ", 1}};
    static const struct channel bad_unit[] = {{"GPU Energy", "W", 1}};
    struct script scripts[] = {{.count = 0},
                               {.channels = strange, .count = 1},
                               {.channels = bad_unit, .count = 1},
                               {.code = ZEUS_EDRIVER}};
    static const int codes[] = {ZEUS_ENOTFOUND, ZEUS_ENOTFOUND, ZEUS_EINVAL, ZEUS_EDRIVER};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        const struct apple_source source = {script_next, script_close, &scripts[i]};
        struct device_list list = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(apple_device_add(&env, &source, &list, &err), codes[i]);
        assert_true(err.message[0] != '\0');
        assert_int_equal(list.count, 0);
        assert_int_equal(scripts[i].closed, 1);
        device_list_done(&list);
    }
}

/* A Core Foundation of one kind of object. Each create adds to `alive`, each release takes away. */
static struct fake {
    int alive;
    int creations;
    int fail_at; /* the n-th creation gives nothing; 0: none does */
    int has_array;
    int64_t value;
} fake;

struct object {
    const char *text;
    int64_t value;
};

static void *fake_create(const char *text, int64_t value)
{
    if (++fake.creations == fake.fail_at) {
        return NULL;
    }
    struct object *o = calloc(1, sizeof(*o));
    assert_non_null(o);
    o->text = text;
    o->value = value;
    fake.alive++;
    return o;
}

static void fake_release(const void *object)
{
    fake.alive--;
    free((void *)(uintptr_t)object);
}

static const void *fake_string_create(const void *allocator, const char *text, uint32_t encoding)
{
    (void)allocator;
    assert_int_equal(encoding, 0x08000100);
    return fake_create(text, 0);
}

static unsigned char fake_string_get(const void *string, char *out, intptr_t size,
                                     uint32_t encoding)
{
    (void)encoding;
    (void)snprintf(out, (size_t)size, "%s", (const char *)string);
    return 1;
}

static const void *fake_dictionary_value(const void *dictionary, const void *key)
{
    assert_string_equal(((const struct object *)key)->text, "IOReportChannels");
    return fake.has_array ? dictionary : NULL;
}

static intptr_t fake_array_count(const void *array)
{
    (void)array;
    return 1;
}

static const void *fake_array_value(const void *array, intptr_t index)
{
    assert_int_equal(index, 0);
    return array;
}

static void *fake_copy_channels(const void *group, const void *subgroup, uint64_t a, uint64_t b,
                                uint64_t c)
{
    (void)subgroup;
    assert_true(a == 0 && b == 0 && c == 0);
    assert_string_equal(((const struct object *)group)->text, "Energy Model");
    return fake_create("channels", 0);
}

static void *fake_create_subscription(void *unused, void *channels, void **ret_channels,
                                      uint64_t id, const void *options)
{
    (void)unused;
    (void)channels;
    (void)id;
    (void)options;
    *ret_channels = fake_create("subscribed", 0);
    return fake_create("subscription", 0);
}

static void *fake_create_samples(const void *subscription, void *channels, const void *options)
{
    (void)subscription;
    (void)channels;
    (void)options;
    return fake_create("sample", fake.value);
}

static void *fake_create_delta(const void *before, const void *after, const void *options)
{
    (void)options;
    return fake_create("delta", ((const struct object *)after)->value -
                                    ((const struct object *)before)->value);
}

static const void *fake_channel_name(const void *channel)
{
    (void)channel;
    return "GPU Energy";
}

static const void *fake_channel_unit(const void *channel)
{
    (void)channel;
    return "uJ";
}

static int64_t fake_channel_value(const void *channel, int32_t index)
{
    (void)index;
    return ((const struct object *)channel)->value;
}

static const struct ioreport_lib fake_lib = {
    .release = fake_release,
    .string_create = fake_string_create,
    .string_get = fake_string_get,
    .dictionary_value = fake_dictionary_value,
    .array_count = fake_array_count,
    .array_value = fake_array_value,
    .copy_channels = fake_copy_channels,
    .create_subscription = fake_create_subscription,
    .create_samples = fake_create_samples,
    .create_delta = fake_create_delta,
    .channel_name = fake_channel_name,
    .channel_unit = fake_channel_unit,
    .channel_value = fake_channel_value,
};

static int open_device(struct device_list *list)
{
    struct apple_source source;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = ioreport_open(&fake_lib, &source, &err);
    r = r < 0 ? r : apple_device_add(&env, &source, list, &err);
    assert_true(r == 0 || err.message[0] != '\0');
    return r;
}

static void subscription(void **state)
{
    (void)state;
    struct device_list list = {0};
    fake = (struct fake){.has_array = 1, .value = 1000};
    assert_int_equal(open_device(&list), 0);
    fake.value = 1500;
    assert_int_equal(energy_uj(list.items[0], 0), 1500);
    fake.value = 1700;
    assert_int_equal(energy_uj(list.items[0], 0), 1700);
    zeus_energy_sample sample;
    fake.value = 1600; /* backwards: no negative energy, and the total stands */
    assert_int_equal(device_read_energy(list.items[0], 0, &sample, NULL), ZEUS_ERANGE);
    fake.value = 1800;
    assert_int_equal(energy_uj(list.items[0], 0), 1800);
    device_list_done(&list);
    assert_int_equal(fake.alive, 0);
    fake = (struct fake){.has_array = 0};
    assert_int_equal(open_device(&list), ZEUS_ENOTFOUND);
    assert_int_equal(fake.alive, 0);
}

/* Every creation fails once: no crash, nothing leaks, an error each time. */
static void failing_creations(void **state)
{
    (void)state;
    for (int n = 1; n <= 6; n++) {
        struct device_list list = {0};
        fake = (struct fake){.has_array = 1, .fail_at = n};
        assert_true(open_device(&list) < 0);
        assert_int_equal(fake.alive, 0);
        device_list_done(&list);
    }
    for (int n = 7; n <= 8; n++) { /* the sample and the delta of a later read */
        struct device_list list = {0};
        zeus_energy_sample sample;
        fake = (struct fake){.has_array = 1, .fail_at = n};
        assert_int_equal(open_device(&list), 0);
        assert_int_equal(device_read_energy(list.items[0], 0, &sample, NULL), ZEUS_EDRIVER);
        fake.value = 90;
        assert_int_equal(energy_uj(list.items[0], 0), 90); /* the interval is made up for */
        device_list_done(&list);
        assert_int_equal(fake.alive, 0);
    }
}

static void elsewhere(void **state)
{
    (void)state;
    struct ioreport_lib lib;
    zeus_error err = ZEUS_ERROR_INIT;
    struct device_list list = {0};
    zeus_finding finding = {0};
    if (ioreport_load(&lib, &err) == 0) {
        skip(); /* on a Mac */
    }
    assert_true(err.message[0] != '\0');
    assert_int_equal(apple_backend.discover(&env, &list, &finding, &err), 0);
    assert_int_equal(finding.code, ZEUS_ENOTFOUND);
    assert_string_equal(finding.detail, "this is not macOS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(without_total),
        cmocka_unit_test(bad_sources),
        cmocka_unit_test(subscription),
        cmocka_unit_test(failing_creations),
        cmocka_unit_test(elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
