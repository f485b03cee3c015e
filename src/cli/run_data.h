/* SPDX-License-Identifier: Apache-2.0
 *
 * The data inside a report's page, schema "zeus.report/2" (docs/report.md).
 */
#ifndef ZEUS_CLI_RUN_DATA_H
#define ZEUS_CLI_RUN_DATA_H

#include "base/attr.h"
#include "base/strbuf.h"
#include "cli/run_report.h"

/* One JSON document. Computes the energies of all windows anew, from the readings it stores: what
 * is shown of them must be made afterwards. */
int run_data_build(const struct run_report *report, struct strbuf *out) ZEUS_CHECK;

#endif /* ZEUS_CLI_RUN_DATA_H */
