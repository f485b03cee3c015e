/* SPDX-License-Identifier: Apache-2.0
 *
 * The four compiler extensions we allow, each under one name (house rule A1).
 */
#ifndef ZEUS_BASE_ATTR_H
#define ZEUS_BASE_ATTR_H

#include <zeus/attr.h> /* ZEUS_CHECK, ZEUS_PRINTF, ZEUS_API */

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#endif /* ZEUS_BASE_ATTR_H */
