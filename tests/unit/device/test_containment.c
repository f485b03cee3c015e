/* SPDX-License-Identifier: Apache-2.0
 *
 * device/containment: nodes as tables of places against the places that may be summed, and the
 * relation's own laws on random nodes.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "device/containment.h"

#define PLACES_MAX 16

/* Letters make a node readable at a glance. */
static const struct {
    const char *word;
    uint32_t device_kind;
    uint32_t domain_kind;
} words[] = {
    {"psys", ZEUS_KIND_PLATFORM, ZEUS_DOMAIN_PSYS},
    {"module", ZEUS_KIND_PLATFORM, ZEUS_DOMAIN_MODULE},
    {"pkg", ZEUS_KIND_CPU, ZEUS_DOMAIN_PACKAGE},
    {"core", ZEUS_KIND_CPU, ZEUS_DOMAIN_CORE},
    {"uncore", ZEUS_KIND_CPU, ZEUS_DOMAIN_UNCORE},
    {"dram", ZEUS_KIND_CPU, ZEUS_DOMAIN_DRAM},
    {"gpu", ZEUS_KIND_GPU, ZEUS_DOMAIN_GPU},
    {"gpumod", ZEUS_KIND_GPU, ZEUS_DOMAIN_MODULE},
    {"gpumem", ZEUS_KIND_GPU, ZEUS_DOMAIN_GPU_MEMORY},
    {"total", ZEUS_KIND_SOC, ZEUS_DOMAIN_SOC_TOTAL},
    {"soccpu", ZEUS_KIND_SOC, ZEUS_DOMAIN_SOC_CPU},
    {"socgpu", ZEUS_KIND_SOC, ZEUS_DOMAIN_SOC_GPU},
};

/* Marks behind the word: '!' unreadable, '=' mirror, '@' module scope, '+' on the chip, '~' silent
 * die, '#' same board as the other '#'. In front: "DEVICE/PACKAGE/PARENT:" in single digits, '-'
 * for none. Expected choice: one letter a place, 'Y' or '.'. */
static const struct {
    const char *what;
    const char *places[PLACES_MAX];
    const char *chosen;
} nodes[] = {
    {"two sockets with DRAM",
     {"0/0/-:pkg", "0/0/0:core", "0/0/-:dram", "1/1/-:pkg", "1/1/3:core", "1/1/-:dram"},
     "Y.YY.Y"},
    {"psys on top", {"0/0/-:pkg", "0/0/0:core", "0/0/-:dram", "1/1/-:pkg", "2/0/-:psys"}, "....Y"},
    {"psys unreadable",
     {"0/0/-:pkg", "0/0/0:core", "0/0/-:dram", "1/1/-:pkg", "2/0/-:psys!"},
     "Y.YY."},
    {"psys does not hold GPUs", {"0/-/-:gpu", "1/0/-:pkg", "2/0/-:psys"}, "Y.Y"},
    {"package unreadable: its cores count",
     {"0/0/-:pkg!", "0/0/0:core", "0/0/0:uncore", "0/0/-:dram"},
     ".YYY"},
    {"mirrored die", {"0/0/-:pkg", "1/0/-:pkg=", "2/1/-:pkg", "3/1/-:pkg="}, "Y.Y."},
    {"mirror hides nothing: its core is still inside it",
     {"0/0/-:pkg", "1/0/-:pkg=", "1/0/1:core"},
     "Y.Y"},
    {"two psys, the second mirrors", {"0/0/-:psys", "1/1/-:psys=", "2/0/-:pkg"}, "Y.."},
    {"eight GPUs", {"0/-/-:gpu", "0/-/0:gpumem", "1/-/-:gpu", "2/-/-:gpu"}, "Y.YY"},
    {"GH200 by its own sensors",
     {"0/-/-:gpu+", "1/0/-:pkg", "1/0/1:core", "1/0/1:uncore", "2/0/-:module"},
     "....Y"},
    {"GH200 whose GPU counter is the module's, too",
     {"0/-/-:gpu@+", "1/0/-:pkg", "1/0/1:core", "2/0/-:module"},
     "...Y"},
    {"GH200 with NVML alone for the module", {"0/-/-:gpu@+", "1/0/-:pkg", "1/0/1:core"}, "Y.."},
    {"GH200 with a module domain at the GPU", {"0/-/-:gpumod+", "0/-/0:gpu+", "1/0/-:pkg"}, "Y.."},
    {"two modules, each its own CPU",
     {"0/0/-:module", "1/1/-:module!", "2/0/-:pkg", "3/1/-:pkg", "4/-/-:gpu+"},
     "Y..Y."},
    {"card beside a module", {"0/0/-:module", "1/-/-:gpu+", "2/-/-:gpu"}, "Y.Y"},
    {"SoC rails under the input",
     {"0/-/-:total", "0/-/0:soccpu", "0/-/0:socgpu", "1/-/-:gpu+"},
     "Y..."},
    {"SoC without an input rail", {"0/-/-:soccpu", "0/-/-:socgpu"}, "YY"},
    {"SoC input unreadable", {"0/-/-:total!", "0/-/0:soccpu", "0/-/0:socgpu"}, ".YY"},
    {"MI250 pair", {"0/-/-:gpu", "1/-/-:gpu~"}, "Y."},
    {"two slices of one board", {"0/-/-:gpu#", "0/-/0:gpumem#", "1/-/-:gpu#", "2/-/-:gpu"}, "Y..Y"},
    {"nothing", {NULL}, ""},
};

static struct containment_place parse_place(const char *text)
{
    struct containment_place place = {.device = (uint32_t)(text[0] - '0'),
                                      .package = text[2] == '-' ? -1 : text[2] - '0',
                                      .parent = text[4] == '-' ? -1 : text[4] - '0',
                                      .source = ZEUS_SOURCE_COUNTER,
                                      .identity = ""};
    const char *word = text + 6;
    size_t len = strcspn(word, "!=@+~#");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].word) == len && strncmp(words[i].word, word, len) == 0) {
            place.device_kind = words[i].device_kind;
            place.domain_kind = words[i].domain_kind;
        }
    }
    assert_true(place.domain_kind != 0);
    place.source = strchr(word, '!') ? ZEUS_SOURCE_NONE : place.source;
    place.domain_flags = strchr(word, '=') ? ZEUS_DOMAIN_MIRROR : 0;
    place.device_flags = strchr(word, '@') ? ZEUS_DEVICE_MODULE_SCOPE : 0;
    place.device_flags |= strchr(word, '~') ? ZEUS_DEVICE_SILENT_DIE : 0;
    place.is_on_chip = strchr(word, '+') != NULL;
    place.identity = strchr(word, '#') ? "GPU-1" : "";
    return place;
}

static void named_nodes(void **state)
{
    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(nodes); n++) {
        struct containment_place places[PLACES_MAX];
        uint8_t is_chosen[PLACES_MAX] = {0};
        size_t count = 0;
        for (; count < PLACES_MAX && nodes[n].places[count]; count++) {
            places[count] = parse_place(nodes[n].places[count]);
        }
        size_t chosen = containment_select(places, count, is_chosen);
        char got[PLACES_MAX + 1] = "";
        size_t marked = 0;
        for (size_t i = 0; i < count; i++) {
            got[i] = is_chosen[i] ? 'Y' : '.';
            marked += is_chosen[i];
        }
        if (strcmp(got, nodes[n].chosen) != 0) {
            fail_msg("%s: chose %s, not %s", nodes[n].what, got, nodes[n].chosen);
        }
        assert_int_equal(chosen, marked);
    }
}

static uint64_t random_bits = 0x9E3779B97F4A7C15u;

static uint32_t random_below(uint32_t limit)
{
    random_bits ^= random_bits << 13;
    random_bits ^= random_bits >> 7;
    random_bits ^= random_bits << 17;
    return (uint32_t)(random_bits >> 32) % limit;
}

static void random_place(struct containment_place *places, size_t i)
{
    uint32_t word = random_below((uint32_t)ARRAY_LEN(words));
    places[i] = (struct containment_place){
        .device = (uint32_t)i,
        .device_kind = words[word].device_kind,
        .domain_kind = words[word].domain_kind,
        .domain_flags = random_below(5) == 0 ? ZEUS_DOMAIN_MIRROR : 0,
        .device_flags = random_below(4) == 0 ? ZEUS_DEVICE_MODULE_SCOPE : 0,
        .source = random_below(4) == 0 ? ZEUS_SOURCE_NONE : ZEUS_SOURCE_COUNTER,
        .package = (int32_t)random_below(3) - 1,
        .parent = -1,
        .is_on_chip = random_below(2) == 0,
        .identity = "",
    };
    /* Parts are parts of something: a psys inside a core would be bad data, with cycles. */
    int is_part = places[i].domain_kind == ZEUS_DOMAIN_CORE ||
                  places[i].domain_kind == ZEUS_DOMAIN_UNCORE ||
                  places[i].domain_kind == ZEUS_DOMAIN_GPU_MEMORY ||
                  places[i].domain_kind == ZEUS_DOMAIN_SOC_CPU;
    if (i > 0 && is_part && random_below(2) == 0) {
        places[i].device = places[i - 1].device;
        places[i].device_kind = places[i - 1].device_kind;
        places[i].parent = (int32_t)i - 1;
    }
}

/* No place contains itself, none contains one that contains it, no chosen place contains another,
 * and whatever is readable and left out is inside something readable. */
static void laws(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct containment_place places[PLACES_MAX];
        uint8_t is_chosen[PLACES_MAX];
        size_t count = random_below(PLACES_MAX);
        for (size_t i = 0; i < count; i++) {
            random_place(places, i);
        }
        size_t chosen = containment_select(places, count, is_chosen);
        size_t readable = 0;
        for (size_t i = 0; i < count; i++) {
            int is_covered = is_chosen[i];
            int is_readable = places[i].source != ZEUS_SOURCE_NONE && !places[i].domain_flags;
            readable += (size_t)is_readable;
            assert_false(containment_contains(places, i, i));
            for (size_t k = 0; k < count; k++) {
                int contains = containment_contains(places, k, i);
                assert_false(contains && containment_contains(places, i, k));
                assert_false(contains && is_chosen[i] && is_chosen[k]);
                is_covered |= contains && places[k].source != ZEUS_SOURCE_NONE;
            }
            assert_true(is_covered || !is_readable);
            assert_true(is_readable || !is_chosen[i]);
        }
        assert_true(chosen > 0 || readable == 0);
    }
}

static void bad_parents(void **state)
{
    (void)state;
    struct containment_place loop[2] = {parse_place("0/0/1:pkg"), parse_place("0/0/0:core")};
    uint8_t is_chosen[2];
    assert_true(containment_contains(loop, 0, 1));
    assert_int_equal(containment_select(loop, 2, is_chosen), 0); /* and it ends */
}

static void sites(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int package;
        int die;
    } rows[] = {{"package-0", 0, -1},
                {"package-12-die-3", 12, 3},
                {"psys", 0, -1},
                {"psys-1", 1, -1},
                {"module-1", 1, -1},
                {"package-", -1, -1},
                {"package-1x", -1, -1},
                {"package--1", -1, -1},
                {"package-1-die-", -1, -1},
                {"package-1-die-2x", -1, -1},
                {"package-99999999999", -1, -1},
                {"psysx", -1, -1},
                {"NVIDIA H100", -1, -1},
                {"", -1, -1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct containment_site site = containment_site_of_name(rows[i].name);
        assert_int_equal(site.package, rows[i].package);
        assert_int_equal(site.die, rows[i].die);
    }
}

static void from_devices(void **state)
{
    (void)state;
    const zeus_device_info cpu = {.kind = ZEUS_KIND_CPU, .name = "package-1"};
    const zeus_device_info gpu = {.kind = ZEUS_KIND_GPU, .name = "NVIDIA GH200 480GB"};
    const zeus_domain_info domains[2] = {
        {.kind = ZEUS_DOMAIN_PACKAGE, .source = ZEUS_SOURCE_COUNTER, .parent = -1},
        {.kind = ZEUS_DOMAIN_CORE, .source = ZEUS_SOURCE_COUNTER, .parent = 0}};
    const zeus_domain_info board = {
        .kind = ZEUS_DOMAIN_GPU, .source = ZEUS_SOURCE_COUNTER, .parent = 7};
    struct containment_place places[3];
    size_t count = containment_add_device(places, 0, 4, &gpu, &board, 1);
    count = containment_add_device(places, count, 5, &cpu, domains, 2);
    assert_int_equal(count, 3);
    assert_int_equal(places[0].parent, -1); /* 7 is no domain of it */
    assert_true(places[0].is_on_chip);
    assert_int_equal(places[2].parent, 1);
    assert_int_equal(places[2].package, 1);
    assert_int_equal(places[2].device, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_nodes),  cmocka_unit_test(laws),
        cmocka_unit_test(bad_parents),  cmocka_unit_test(sites),
        cmocka_unit_test(from_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
