/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test includes: cmocka with the headers it wants before it.
 */
#ifndef ZEUS_TESTS_TEST_H
#define ZEUS_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* ZEUS_TESTS_TEST_H */
