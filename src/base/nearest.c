/* SPDX-License-Identifier: Apache-2.0
 *
 * Edit distance with adjacent swaps, over three rows of fixed size: names longer than NAME_MAX_LEN
 * are never suggested and never helped.
 */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

#include "base/macro.h"

#define NAME_MAX_LEN 64
#define TOO_FAR      SIZE_MAX
#define PREFIX_MIN   3

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c == '_' ? '-' : c;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    return MIN_OF(MIN_OF(a, b), c);
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NAME_MAX_LEN + 1];
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t differs = fold(a[i - 1]) != fold(b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1])) {
                row[j] = MIN_OF(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

static size_t common_beginning(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && fold(a[n]) == fold(b[n])) {
        n++;
    }
    return n;
}

/* Small is near. A shared beginning counts as one more than the longest distance taken, so that a
 * misspelling always wins over it. */
static size_t cost(const char *given, size_t len, const char *candidate, size_t candidate_len)
{
    size_t allowed = MAX_OF(len / 3, (size_t)1);
    size_t d = distance(given, len, candidate, candidate_len);
    if (d <= allowed && d < MIN_OF(len, candidate_len)) {
        return d;
    }
    size_t shared = common_beginning(given, len, candidate, candidate_len);
    return shared >= PREFIX_MIN ? 2 * (size_t)NAME_MAX_LEN - shared : TOO_FAR;
}

void nearest_init(struct nearest *n, const char *given, size_t len)
{
    *n = (struct nearest){.given = given, .given_len = len, .cost = TOO_FAR};
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    size_t len = strlen(candidate);
    if (len > NAME_MAX_LEN || n->given_len > NAME_MAX_LEN) {
        return;
    }
    size_t c = cost(n->given, n->given_len, candidate, len);
    if (c < n->cost) {
        n->cost = c;
        n->best = candidate;
    }
}

const char *nearest_get(const struct nearest *n)
{
    return n->best;
}
