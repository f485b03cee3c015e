/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the window log; see csv_log.h and section 1.2.1 of the measuring specification.
 */
#include "monitor/csv_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define ROW_MOST (1u << 20)

static int make_folders(const char *path, zeus_error *err)
{
    char *copy _free_ = mem_strdup(path);
    if (!copy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
            return err_set_os(err, err_from_errno(errno), errno, "cannot create folder %s", copy);
        }
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static void add_quoted(struct strbuf *row, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        strbuf_adds(row, text);
        return;
    }
    strbuf_addc(row, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"') {
            strbuf_addc(row, '"');
        }
        strbuf_addc(row, *c);
    }
    strbuf_addc(row, '"');
}

static void add_number(struct strbuf *row, double value)
{
    char text[FMT_DOUBLE_SIZE];
    if (!isnan(value)) {
        strbuf_add(row, text, fmt_double(text, value));
    }
}

static int flush_row(struct csv_log *log, struct strbuf *row, zeus_error *err)
{
    strbuf_addc(row, '\n');
    int r = strbuf_status(row);
    if (r == 0) {
        mutex_lock(&log->lock);
        r = log->fd < 0 ? ZEUS_ECLOSED : write_all(log->fd, row->data, row->len);
        mutex_unlock(&log->lock);
    }
    return r < 0 ? err_set(err, r, "cannot write the window log: %s", zeus_strerror(r)) : 0;
}

int csv_log_open(struct csv_log *log, const char *path, const char *const *columns, size_t count,
                 zeus_error *err)
{
    log->fd = -1;
    int r = make_folders(path, err);
    if (r < 0) {
        return r;
    }
    log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (log->fd < 0) {
        return err_set_os(err, err_from_errno(errno), errno, "cannot create window log %s", path);
    }
    mutex_init(&log->lock);
    struct strbuf row;
    strbuf_init(&row, ROW_MOST);
    strbuf_adds(&row, "start_time,window_name,elapsed_time,");
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(&row, i ? "," : "");
        add_quoted(&row, columns[i]);
    }
    r = flush_row(log, &row, err);
    strbuf_done(&row);
    if (r < 0) {
        csv_log_close(log);
    }
    return r;
}

void csv_log_close(struct csv_log *log)
{
    if (log->fd >= 0) {
        (void)close(log->fd); /* rows were written without buffering */
        log->fd = -1;
        mutex_done(&log->lock);
    }
}

int csv_log_row(struct csv_log *log, double start_s, const char *name, double elapsed_s,
                const double *energies_j, size_t count, zeus_error *err)
{
    struct strbuf row;
    strbuf_init(&row, ROW_MOST);
    add_number(&row, start_s);
    strbuf_addc(&row, ',');
    add_quoted(&row, name);
    strbuf_addc(&row, ',');
    add_number(&row, elapsed_s);
    strbuf_addc(&row, ',');
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(&row, i ? "," : "");
        add_number(&row, energies_j[i]);
    }
    int r = flush_row(log, &row, err);
    strbuf_done(&row);
    return r;
}
