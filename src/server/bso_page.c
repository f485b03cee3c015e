/* SPDX-License-Identifier: Apache-2.0
 *
 * The small pages: all jobs, and one job's trials, arms and costs as a picture and tables. Plain
 * HTML with inline SVG and style, no script; every text that came from a client is escaped.
 */
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "server/bso_policy.h"
#include "server/bso_service.h"

#define JOBS_MAX   500
#define TRIALS_MAX 1000
#define WIDTH      860.0
#define HEIGHT     260.0
#define MARGIN     40.0

static const char head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>zeus-serve bso</title><style>"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:900px;padding:0 1em;"
    "color:#222;background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:right;"
    "padding:.2em .6em;border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}"
    "a{color:#0b57a4}svg{width:100%;height:auto}"
    "@media(prefers-color-scheme:dark){body{background:#181a1b;color:#ddd}th,td{border-color:#444}"
    "a{color:#7db7f0}}</style>";

static void add_text(struct strbuf *out, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '<':
            strbuf_adds(out, "&lt;");
            break;
        case '>':
            strbuf_adds(out, "&gt;");
            break;
        case '&':
            strbuf_adds(out, "&amp;");
            break;
        case '"':
            strbuf_adds(out, "&quot;");
            break;
        default:
            strbuf_addc(out, *text);
        }
    }
}

static void add_link(struct strbuf *out, const char *job_id)
{
    char encoded[3 * BSO_ID_MAX + 1];
    strbuf_adds(out, "<a href=\"/ui/job?job_id=");
    strbuf_adds(out, url_encode(job_id, encoded, sizeof(encoded)) < 0 ? "" : encoded);
    strbuf_adds(out, "\">");
    add_text(out, job_id);
    strbuf_adds(out, "</a>");
}

static struct strbuf *begin_page(struct bso_work *work)
{
    httpd_reply_text(work->ticket.reply, 200, "text/html; charset=utf-8", head);
    httpd_reply_header(work->ticket.reply, "Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'");
    return &work->ticket.reply->body;
}

int bso_act_list_page(struct bso_service *s, struct store *store, struct bso_work *work,
                      zeus_error *err)
{
    (void)s;
    struct store_job *jobs = NULL;
    size_t count = 0;
    int r = store_list_jobs(store, JOBS_MAX, &work->ticket.req->arena, &jobs, &count, err);
    if (r < 0) {
        return r;
    }
    struct strbuf *out = begin_page(work);
    strbuf_addf(out,
                "<h1>Recurring jobs</h1><p>%zu shown.</p><table><tr><th>job<th>stage<th>GPU"
                "<th>lowest cost (J)<th>at batch size</tr>",
                count);
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(out, "<tr><td>");
        add_link(out, jobs[i].job_id);
        strbuf_addf(out, "<td>%s<td>%lld x ", jobs[i].is_mab ? "sampling" : "pruning",
                    (long long)jobs[i].number_of_gpus);
        add_text(out, jobs[i].gpu_model);
        if (jobs[i].has_min_cost) {
            strbuf_addf(out, "<td>%.1f<td>%lld</tr>", jobs[i].min_cost,
                        (long long)jobs[i].min_cost_batch_size);
        } else {
            strbuf_adds(out, "<td>none yet<td></tr>");
        }
    }
    strbuf_adds(out, "</table></html>");
    return 0;
}

/* Colours that differ in lightness too; by the batch size's place in the job's list. */
static const char *colour_of(const struct store_job *job, int64_t batch_size)
{
    static const char *const colours[] = {"#4477aa", "#ee6677", "#228833", "#ccbb44",
                                          "#66ccee", "#aa3377", "#888888"};
    size_t i = 0;
    while (i < job->batch_size_count && job->batch_sizes[i] != batch_size) {
        i++;
    }
    return colours[i % ARRAY_LEN(colours)];
}

static double largest_cost(const struct store_job *job, const struct store_trial *trials,
                           size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (trials[i].has_result) {
            largest = fmax(largest, bso_trial_cost(job, &trials[i]));
        }
    }
    return largest > 0 && isfinite(largest) ? largest : 1.0;
}

/* Cost of each finished trial by trial number: filled circles converged, hollow ones did not. */
static void add_picture(struct strbuf *out, const struct store_job *job,
                        const struct store_trial *trials, size_t count)
{
    double top = largest_cost(job, trials, count);
    double first = count ? (double)trials[count - 1].trial_number : 1;
    double span = count > 1 ? (double)trials[0].trial_number - first : 1;
    strbuf_addf(out,
                "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"cost of each trial\">"
                "<g font-size=\"12\" fill=\"currentColor\"><text x=\"0\" y=\"14\">cost (J)</text>"
                "<text x=\"0\" y=\"30\">%.4g</text><text x=\"0\" y=\"%.0f\">0</text>"
                "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">trial</text></g>"
                "<path d=\"M%.0f 20V%.0fH%.0f\" fill=\"none\" stroke=\"currentColor\"/>",
                WIDTH, HEIGHT, top, HEIGHT - MARGIN, WIDTH, HEIGHT - 8, MARGIN, HEIGHT - MARGIN,
                WIDTH);
    for (size_t i = 0; i < count; i++) {
        const struct store_trial *t = &trials[i];
        if (!t->has_result) {
            continue;
        }
        double x = MARGIN + 10 + ((double)t->trial_number - first) / span * (WIDTH - MARGIN - 20);
        double y = HEIGHT - MARGIN - bso_trial_cost(job, t) / top * (HEIGHT - MARGIN - 30);
        const char *colour = colour_of(job, t->batch_size);
        strbuf_addf(out,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" stroke=\"%s\" fill=\"%s\"><title>"
                    "trial %lld, batch size %lld: %.1f J%s</title></circle>",
                    x, y, colour, t->converged ? colour : "none", (long long)t->trial_number,
                    (long long)t->batch_size, bso_trial_cost(job, t),
                    t->converged ? "" : ", did not converge");
    }
    strbuf_adds(out, "</svg><p>");
    for (size_t i = 0; i < job->batch_size_count; i++) {
        strbuf_addf(out, "<span style=\"color:%s\">&#9679;</span> %lld &nbsp; ",
                    colour_of(job, job->batch_sizes[i]), (long long)job->batch_sizes[i]);
    }
    strbuf_adds(out, "(hollow: did not converge)</p>");
}

static void add_arms(struct strbuf *out, const struct store_arm *arms, size_t count)
{
    strbuf_adds(out, "<h2>Arms</h2>");
    if (count == 0) {
        strbuf_adds(out, "<p>None: batch sizes are still being pruned.</p>");
        return;
    }
    strbuf_adds(out, "<table><tr><th>batch size<th>mean cost (J)<th>standard deviation of the mean"
                     "<th>observations</tr>");
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(out, "<tr><td>%lld<td>%.1f<td>%.1f<td>%lld</tr>", (long long)arms[i].batch_size,
                    -arms[i].param_mean, sqrt(1 / arms[i].param_precision),
                    (long long)arms[i].num_observations);
    }
    strbuf_adds(out, "</table>");
}

static void add_trials(struct strbuf *out, const struct store_job *job,
                       const struct store_trial *trials, size_t count)
{
    static const char *const types[] = {"exploration", "concurrent", "sampling"};
    static const char *const statuses[] = {"running", "reported", "failed"};
    strbuf_adds(out, "<h2>Trials</h2><table><tr><th>trial<th>batch size<th>kind<th>status<th>start"
                     "<th>time (s)<th>energy (J)<th>cost (J)<th>converged</tr>");
    for (size_t i = 0; i < count; i++) {
        const struct store_trial *t = &trials[i];
        strbuf_addf(out, "<tr><td>%lld<td>%lld<td>%s<td>%s<td>", (long long)t->trial_number,
                    (long long)t->batch_size, types[t->type], statuses[t->status]);
        add_text(out, t->start);
        if (t->has_result) {
            strbuf_addf(out, "<td>%.2f<td>%.1f<td>%.1f<td>%s</tr>", t->time_s, t->energy_j,
                        bso_trial_cost(job, t), t->converged ? "yes" : "no");
        } else {
            strbuf_adds(out, "<td><td><td><td></tr>");
        }
    }
    strbuf_adds(out, "</table></html>");
}

int bso_act_job_page(struct bso_service *s, struct store *store, struct bso_work *work,
                     zeus_error *err)
{
    (void)s;
    struct arena *arena = &work->ticket.req->arena;
    const char *job_id = work->record;
    struct store_job job;
    struct store_trial *trials = NULL;
    struct store_arm *arms = NULL;
    size_t trial_count = 0;
    size_t arm_count = 0;
    int r = store_lock_job(store, job_id, arena, &job, err);
    if (r == ZEUS_ENOTFOUND) {
        return bso_refuse(work, 404, "No such job");
    }
    if (r == 0) {
        r = store_list_trials(store, job_id, TRIALS_MAX, arena, &trials, &trial_count, err);
    }
    if (r == 0) {
        r = store_list_arms(store, job_id, arena, &arms, &arm_count, err);
    }
    if (r < 0) {
        return r;
    }
    struct strbuf *out = begin_page(work);
    strbuf_adds(out, "<p><a href=\"/ui\">All jobs</a></p><h1>");
    add_text(out, job_id);
    strbuf_adds(out, "</h1>");
    add_picture(out, &job, trials, trial_count);
    add_arms(out, arms, arm_count);
    add_trials(out, &job, trials, trial_count);
    return 0;
}
