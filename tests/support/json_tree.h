/* SPDX-License-Identifier: Apache-2.0
 *
 * Reference files as a tree, for tests only: built with the library's own pull reader, nodes in one
 * array. Anything malformed or missing aborts the test with the key's name.
 */
#ifndef ZEUS_TESTS_JSON_TREE_H
#define ZEUS_TESTS_JSON_TREE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_reader.h"

struct json_node {
    int token;
    size_t next;              /* index of the following sibling, 0: none */
    size_t child;             /* index of the first child, 0: none */
    size_t count;             /* children */
    struct json_reader value; /* the reader as it stood at the value */
    struct json_reader key;   /* members of objects: at the key */
};

struct json_tree {
    struct json_node *nodes; /* owned; nodes[0] is the root */
    size_t count;
    size_t capacity;
};

static inline size_t json_tree_add(struct json_tree *tree)
{
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity ? 2 * tree->capacity : 1024;
        void *moved = realloc(tree->nodes, tree->capacity * sizeof(*tree->nodes));
        if (!moved) {
            abort();
        }
        tree->nodes = moved;
    }
    memset(&tree->nodes[tree->count], 0, sizeof(*tree->nodes));
    return tree->count++;
}

static inline size_t json_tree_build(struct json_tree *tree, struct json_reader *r)
{
    const size_t self = json_tree_add(tree);
    const int token = r->token;
    tree->nodes[self].token = token;
    tree->nodes[self].value = *r;
    const int is_object = token == JSON_OBJECT_BEGIN;
    size_t last = 0;
    while (is_object || token == JSON_ARRAY_BEGIN) {
        int t = json_next(r);
        struct json_reader key = *r;
        if (t == JSON_KEY) {
            t = json_next(r);
        }
        if (t < 0) {
            fprintf(stderr, "reference data: malformed JSON at byte %zu\n", r->pos);
            abort();
        }
        if (t == JSON_OBJECT_END || t == JSON_ARRAY_END) {
            break;
        }
        const size_t child = json_tree_build(tree, r);
        tree->nodes[child].key = key;
        tree->nodes[self].count++;
        if (last) {
            tree->nodes[last].next = child;
        } else {
            tree->nodes[self].child = child;
        }
        last = child;
    }
    return self;
}

/* The text must outlive the tree. */
static inline void json_tree_parse(struct json_tree *tree, const char *text, size_t len)
{
    struct json_reader r;
    memset(tree, 0, sizeof(*tree));
    json_reader_init(&r, text, len);
    if (json_next(&r) <= 0) {
        abort();
    }
    (void)json_tree_build(tree, &r);
}

static inline void json_tree_free(struct json_tree *tree)
{
    free(tree->nodes);
}

/* The member, or NULL. */
static inline const struct json_node *
json_tree_find(const struct json_tree *tree, const struct json_node *object, const char *key)
{
    for (size_t i = object->child; i; i = tree->nodes[i].next) {
        if (json_is(&tree->nodes[i].key, key)) {
            return &tree->nodes[i];
        }
    }
    return NULL;
}

static inline const struct json_node *json_tree_get(const struct json_tree *tree,
                                                    const struct json_node *object, const char *key)
{
    const struct json_node *node = json_tree_find(tree, object, key);
    if (!node) {
        fprintf(stderr, "reference data: no member \"%s\"\n", key);
        abort();
    }
    return node;
}

static inline const struct json_node *json_tree_first(const struct json_tree *tree,
                                                      const struct json_node *array)
{
    return array->child ? &tree->nodes[array->child] : NULL;
}

static inline const struct json_node *json_tree_next(const struct json_tree *tree,
                                                     const struct json_node *node)
{
    return node->next ? &tree->nodes[node->next] : NULL;
}

static inline double json_node_double(const struct json_node *node)
{
    double value = 0;
    if (!node || json_get_double(&node->value, &value) < 0) {
        abort();
    }
    return value;
}

static inline int json_node_bool(const struct json_node *node)
{
    if (!node || (node->token != JSON_TRUE && node->token != JSON_FALSE)) {
        abort();
    }
    return node->token == JSON_TRUE;
}

static inline int64_t json_node_i64(const struct json_node *node)
{
    int64_t value = 0;
    if (!node || json_get_i64(&node->value, &value) < 0) {
        abort();
    }
    return value;
}

static inline const char *json_node_text(const struct json_node *node, char *out, size_t size)
{
    if (!node || json_get_string(&node->value, out, size) < 0) {
        abort();
    }
    return out;
}

#endif /* ZEUS_TESTS_JSON_TREE_H */
