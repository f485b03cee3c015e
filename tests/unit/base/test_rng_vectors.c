/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator against the recorded vectors: states, words, normals and choices of ten seeds from
 * 0 to 140 bits, bit for bit; and the ziggurat tables entry by entry.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/rng_private.h"
#include "codec/rng_text.h"
#include "json_tree.h"
#include "shared_data.h"

static struct {
    unsigned compared;
    unsigned mismatches;
} tally;

static void compare(int is_equal, const char *what, const char *seed)
{
    tally.compared++;
    if (!is_equal) {
        tally.mismatches++;
        printf("mismatch: %s, seed %s\n", what, seed);
    }
}

static void check_state(const struct json_tree *tree, const struct json_node *vector,
                        const struct rng *rng, const char *seed)
{
    char number[2][64];
    char want[2 * RNG_TEXT_SIZE];
    char got[RNG_TEXT_SIZE];
    (void)snprintf(want, sizeof(want),
                   "{\"bit_generator\": \"PCG64\", \"state\": {\"state\": %s, \"inc\": %s}, "
                   "\"has_uint32\": 0, \"uinteger\": 0}",
                   json_node_text(json_tree_get(tree, vector, "state"), number[0], 64),
                   json_node_text(json_tree_get(tree, vector, "inc"), number[1], 64));
    (void)rng_text_write(got, rng);
    compare(strcmp(want, got) == 0, "state", seed);
}

static void check_draws(const struct json_tree *tree, const struct json_node *vector,
                        const struct rng *start, const char *seed)
{
    char text[64];
    struct rng rng = *start;
    const struct json_node *n = json_tree_first(tree, json_tree_get(tree, vector, "u64"));
    for (; n; n = json_tree_next(tree, n)) {
        const uint64_t want = strtoull(json_node_text(n, text, sizeof(text)), NULL, 10);
        compare(rng_next64(&rng) == want, "u64", seed);
    }
    rng = *start;
    n = json_tree_first(tree, json_tree_get(tree, vector, "normal_first8"));
    for (; n; n = json_tree_next(tree, n)) {
        const double want = strtod(json_node_text(n, text, sizeof(text)), NULL);
        compare(rng_standard_normal(&rng) == want, "normal", seed);
    }
}

static void check_choices(const struct json_tree *tree, const struct json_node *vector,
                          const struct rng *start, const char *seed)
{
    struct rng rng = *start;
    const struct json_node *n =
        json_tree_first(tree, json_tree_get(tree, vector, "choice_n1_of_5_8draws"));
    for (; n; n = json_tree_next(tree, n)) {
        uint64_t index = 99;
        assert_int_equal(rng_choice(&rng, 5, 1, &index), 0);
        compare((int64_t)index == json_node_i64(n), "choice of one", seed);
    }
    rng = *start;
    n = json_tree_first(tree, json_tree_get(tree, vector, "choice_perm_of_7_4draws"));
    for (; n; n = json_tree_next(tree, n)) {
        uint64_t order[7];
        assert_int_equal(rng_choice(&rng, 7, 7, order), 0);
        const struct json_node *element = json_tree_first(tree, n);
        for (size_t i = 0; i < 7; i++, element = json_tree_next(tree, element)) {
            compare((int64_t)order[i] == json_node_i64(element), "choice of seven", seed);
        }
    }
}

static void vectors(void **state)
{
    (void)state;
    size_t len = 0;
    char *text = shared_read("reference/rng/vectors.json", &len);
    assert_non_null(text);
    struct json_tree tree;
    json_tree_parse(&tree, text, len);
    const struct json_node *v =
        json_tree_first(&tree, json_tree_get(&tree, &tree.nodes[0], "vectors"));
    unsigned seeds = 0;
    for (; v; v = json_tree_next(&tree, v), seeds++) {
        char seed[64];
        struct rng rng;
        (void)json_node_text(json_tree_get(&tree, v, "seed"), seed, sizeof(seed));
        assert_int_equal(rng_seed_decimal(&rng, seed, strlen(seed)), 0);
        check_state(&tree, v, &rng, seed);
        check_draws(&tree, v, &rng, seed);
        check_choices(&tree, v, &rng, seed);
    }
    printf("%u seeds, %u values compared, %u mismatches\n", seeds, tally.compared,
           tally.mismatches);
    assert_true(seeds > 0);
    assert_int_equal(tally.mismatches, 0);
    json_tree_free(&tree);
    free(text);
}

static void check_table(const struct json_tree *tree, const char *key, const double *table)
{
    char text[64];
    const struct json_node *n = json_tree_first(tree, json_tree_get(tree, &tree->nodes[0], key));
    for (size_t i = 0; i < 256; i++, n = json_tree_next(tree, n)) {
        assert_true(strtod(json_node_text(n, text, sizeof(text)), NULL) == table[i]);
    }
}

static void tables(void **state)
{
    (void)state;
    size_t len = 0;
    char *text = shared_read("reference/rng/ziggurat_normal_256.json", &len);
    assert_non_null(text);
    struct json_tree tree;
    json_tree_parse(&tree, text, len);
    double ki[256];
    for (size_t i = 0; i < 256; i++) {
        ki[i] = (double)rng_ziggurat_ki[i];
    }
    check_table(&tree, "ki", ki);
    check_table(&tree, "wi", rng_ziggurat_wi);
    check_table(&tree, "fi", rng_ziggurat_fi);
    json_tree_free(&tree);
    free(text);
}

int main(void)
{
    size_t len = 0;
    char *text = shared_read("reference/rng/vectors.json", &len);
    if (!text) {
        return 77;
    }
    free(text);
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
