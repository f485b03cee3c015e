/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal text to double the way the published experiments read their traces: at most 17 digits
 * accumulated in a double, then one multiplication or division by a power of ten. About one number
 * in seven comes out one unit in the last place off the correctly rounded value; the recorded
 * energies and times carry that, so repeating them to the last digit needs it.
 */
#ifndef ZEUS_SIMULATE_PUBLISHED_NUMBER_H
#define ZEUS_SIMULATE_PUBLISHED_NUMBER_H

#include "base/attr.h"

struct csv_field;

/* What parses is what csv_get_double parses; only the rounding differs. */
int published_number(const struct csv_field *field, double *ret_value) ZEUS_CHECK;

#endif /* ZEUS_SIMULATE_PUBLISHED_NUMBER_H */
