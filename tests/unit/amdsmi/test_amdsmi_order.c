/* SPDX-License-Identifier: Apache-2.0
 *
 * HIP numbering, MI250 pairs, partitions.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "fake_amdsmi.h"

static void by_hip_id(void **state)
{
    (void)state;
    const struct amdsmi_identity ids[] = {{.has_hip_id = 1, .hip_id = 2},
                                          {.has_hip_id = 1, .hip_id = 0},
                                          {.has_hip_id = 1, .hip_id = 1}};
    uint32_t hip[3] = {9, 9, 9};
    assert_int_equal(amdsmi_order_hip(ids, 3, hip), AMDSMI_ORDER_HIP);
    assert_int_equal(hip[0], 2);
    assert_int_equal(hip[1], 0);
    assert_int_equal(hip[2], 1);
}

static void by_kfd_node(void **state)
{
    (void)state;
    struct amdsmi_identity ids[] = {
        {.has_node_id = 1, .node_id = 10, .has_hip_id = 1, .hip_id = 0},
        {.has_node_id = 1, .node_id = 2},
        {.has_node_id = 1, .node_id = 9},
    };
    uint32_t hip[3] = {0};
    assert_int_equal(amdsmi_order_hip(ids, 3, hip), AMDSMI_ORDER_KFD);
    assert_int_equal(hip[0], 2);
    assert_int_equal(hip[1], 0);
    assert_int_equal(hip[2], 1);

    /* HIP ids that repeat are no numbering */
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i].has_hip_id = 1;
        ids[i].hip_id = 0;
    }
    assert_int_equal(amdsmi_order_hip(ids, 3, hip), AMDSMI_ORDER_KFD);
}

static void by_position(void **state)
{
    (void)state;
    struct amdsmi_identity ids[3] = {{.has_node_id = 1, .node_id = 5},
                                     {.has_node_id = 1, .node_id = 5},
                                     {.has_node_id = 1, .node_id = 1}};
    uint32_t hip[3] = {7, 7, 7};
    assert_int_equal(amdsmi_order_hip(ids, 3, hip), AMDSMI_ORDER_POSITION);
    assert_int_equal(hip[0], 0);
    assert_int_equal(hip[2], 2);
    ids[0].has_node_id = 0;
    assert_int_equal(amdsmi_order_hip(ids, 3, hip), AMDSMI_ORDER_POSITION);
    assert_int_equal(amdsmi_order_hip(ids, 0, hip), AMDSMI_ORDER_HIP);
}

static void name_all(struct amdsmi_identity *ids, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ids[i].name, sizeof(ids[i].name), "%s", name);
        ids[i].bdf = (i + 1) << 8;
    }
}

static void mi250_pairs(void **state)
{
    (void)state;
    struct amdsmi_identity ids[4] = {{.bdf = 0}};
    name_all(ids, 4, "AMD Instinct MI250X");
    const int usual[] = {1, 0, 1, 0};
    struct amdsmi_role roles[4];
    amdsmi_order_roles(ids, usual, 4, roles);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(roles[i].is_paired, i % 2 == 0);
        assert_int_equal(roles[i].is_silent, i % 2 == 1);
        assert_false(roles[i].is_mirror);
    }
    const int both[] = {1, 1, 0, 0}; /* one pair where each speaks, one that says nothing */
    amdsmi_order_roles(ids, both, 4, roles);
    for (size_t i = 0; i < 4; i++) {
        assert_false(roles[i].is_paired);
        assert_false(roles[i].is_silent);
    }
    const int alone[] = {1};
    amdsmi_order_roles(ids, alone, 1, roles);
    assert_true(roles[0].is_paired); /* its sibling is not visible here, and counts all the same */
}

/* Pairs are counted among MI250 dies, whatever else is in the node. */
static void mi250_beside_others(void **state)
{
    (void)state;
    struct amdsmi_identity ids[3] = {{.bdf = 0}};
    name_all(ids, 3, "AMD Instinct MI250");
    (void)snprintf(ids[0].name, sizeof(ids[0].name), "AMD Radeon Pro W6800");
    const int shows[] = {1, 1, 0};
    struct amdsmi_role roles[3];
    amdsmi_order_roles(ids, shows, 3, roles);
    assert_false(roles[0].is_paired);
    assert_true(roles[1].is_paired);
    assert_true(roles[2].is_silent);
}

static void others_are_never_silent(void **state)
{
    (void)state;
    struct amdsmi_identity ids[2] = {{.bdf = 0}};
    name_all(ids, 2, "AMD Instinct MI300X");
    const int shows[] = {1, 0};
    struct amdsmi_role roles[2];
    amdsmi_order_roles(ids, shows, 2, roles);
    assert_false(roles[0].is_paired);
    assert_false(roles[1].is_silent);
}

static void partitions_mirror(void **state)
{
    (void)state;
    struct amdsmi_identity ids[3] = {{.bdf = 0}};
    name_all(ids, 3, "AMD Instinct MI300X");
    ids[0].bdf = 0xc500;
    ids[1].bdf = 0xc501; /* function 1 of the same device */
    ids[2].bdf = 0xc508; /* the next device */
    const int shows[] = {1, 1, 1};
    struct amdsmi_role roles[3];
    amdsmi_order_roles(ids, shows, 3, roles);
    assert_false(roles[0].is_mirror);
    assert_true(roles[1].is_mirror);
    assert_false(roles[2].is_mirror);
    ids[0].bdf = 0; /* unknown addresses are not equal addresses */
    ids[1].bdf = 0;
    amdsmi_order_roles(ids, shows, 3, roles);
    assert_false(roles[1].is_mirror);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hip_id),           cmocka_unit_test(by_kfd_node),
        cmocka_unit_test(by_position),         cmocka_unit_test(mi250_pairs),
        cmocka_unit_test(mi250_beside_others), cmocka_unit_test(others_are_never_silent),
        cmocka_unit_test(partitions_mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
