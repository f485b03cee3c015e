/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the n-th allocation fail. Link the test with zeus_fault_test(), which wraps malloc, calloc
 * and realloc of everything linked statically into it. Threads count
 * together.
 */
#ifndef ZEUS_TESTS_FAULT_ALLOC_H
#define ZEUS_TESTS_FAULT_ALLOC_H

/* From now on the n-th allocation (1 is the next) gives NULL, once. 0: none does. */
void fault_alloc_arm(unsigned n);

/* Stops it; whether an allocation was made to fail. */
int fault_alloc_disarm(void);

#endif /* ZEUS_TESTS_FAULT_ALLOC_H */
