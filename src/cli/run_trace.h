/* SPDX-License-Identifier: Apache-2.0
 *
 * Power and temperature over the whole of a `zeus run`, as charts; and the state of the devices at
 * one end of it.
 */
#ifndef ZEUS_CLI_RUN_TRACE_H
#define ZEUS_CLI_RUN_TRACE_H

#include <zeus/timeline.h>

#include "base/strbuf.h"
#include "cli/run_report.h"

/* A timeline of whatever of power and temperature these devices have; NULL when they have none. */
zeus_timeline *run_trace_open(zeus_session *session);

/* One chart of the temperatures (`want_temperature`) or of the powers, phases and runs marked;
 * without a title where a heading says what it is. NOTFOUND when there is nothing to show. */
int run_trace_chart(const struct run_report *report, int want_temperature, int has_heading,
                    struct strbuf *out) ZEUS_CHECK;

/* --plot */
int run_trace_write(const struct run_report *report, FILE *out) ZEUS_CHECK;

/* run_html.c: --report, one self-contained page. */
int run_html_write(const struct run_report *report, FILE *out) ZEUS_CHECK;

#endif /* ZEUS_CLI_RUN_TRACE_H */
