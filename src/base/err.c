/* SPDX-License-Identifier: Apache-2.0
 *
 * The error table as text, and the functions that fill zeus_error. No allocation.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"

struct err_row {
    const char *id;
    const char *text;
    const char *python_class;
    int code;
    int http_status;
};

#define ERR_ROW(name, value, id, text, http, py) {id, text, "ZeusGPU" py "Error", value, http},
static const struct err_row err_rows[] = {ZEUS_ERROR_TABLE(ERR_ROW)};
#undef ERR_ROW

static const struct err_row *find_row(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(err_rows); i++) {
        if (err_rows[i].code == code) {
            return &err_rows[i];
        }
    }
    return NULL;
}

const char *zeus_strerror(int code)
{
    if (code >= 0) {
        return "success";
    }
    const struct err_row *row = find_row(code);
    return row ? row->text : "unknown error code";
}

const char *zeus_error_id(int code)
{
    if (code >= 0) {
        return "ok";
    }
    const struct err_row *row = find_row(code);
    return row ? row->id : "unknown";
}

int zeus_error_http_status(int code)
{
    if (code >= 0) {
        return 200;
    }
    const struct err_row *row = find_row(code);
    return row ? row->http_status : 500;
}

const char *zeus_error_python_class(int code)
{
    if (code == ZEUS_EDAEMON) {
        return "ZeusdError"; /* the one GPU error without the prefix */
    }
    const struct err_row *row = find_row(code);
    return row ? row->python_class : "ZeusBaseGPUError";
}

/* Cuts an incomplete UTF-8 sequence off the end of a string that filled its buffer. */
static void trim_partial_utf8(char *text)
{
    size_t n = strlen(text);
    size_t start = n;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (n - (start - 1) < want) {
        text[start - 1] = '\0';
    }
}

static void fill_message(zeus_error *err, const char *format, va_list args) ZEUS_PRINTF(2, 0);

static void fill_message(zeus_error *err, const char *format, va_list args)
{
    int n = vsnprintf(err->message, sizeof(err->message), format, args);
    if (n < 0) {
        err->message[0] = '\0';
    } else if ((size_t)n >= sizeof(err->message)) {
        trim_partial_utf8(err->message);
    }
}

void err_clear(zeus_error *err)
{
    if (err) {
        *err = (zeus_error)ZEUS_ERROR_INIT;
    }
}

int err_set(zeus_error *err, int code, const char *format, ...)
{
    if (!err) {
        return code;
    }
    err_clear(err);
    err->code = code;
    va_list args;
    va_start(args, format);
    fill_message(err, format, args);
    va_end(args);
    return code;
}

int err_set_os(zeus_error *err, int code, int os_errno, const char *format, ...)
{
    if (!err) {
        return code;
    }
    err_clear(err);
    err->code = code;
    err->vendor = ZEUS_VENDOR_OS;
    err->vendor_code = os_errno;
    va_list args;
    va_start(args, format);
    fill_message(err, format, args);
    va_end(args);
    char text[96];
    if (strerror_r(os_errno, text, sizeof(text)) != 0) {
        (void)snprintf(text, sizeof(text), "errno %d", os_errno);
    }
    size_t used = strlen(err->message);
    int n = snprintf(err->message + used, sizeof(err->message) - used, ": %s", text);
    if (n > 0 && used + (size_t)n >= sizeof(err->message)) {
        trim_partial_utf8(err->message);
    }
    return code;
}

int err_set_vendor(zeus_error *err, int code, uint32_t vendor, int32_t vendor_code,
                   const char *format, ...)
{
    if (!err) {
        return code;
    }
    err_clear(err);
    err->code = code;
    err->vendor = vendor;
    err->vendor_code = vendor_code;
    va_list args;
    va_start(args, format);
    fill_message(err, format, args);
    va_end(args);
    return code;
}

void err_prefix(zeus_error *err, const char *format, ...)
{
    if (!err) {
        return;
    }
    char rest[sizeof(err->message)];
    memcpy(rest, err->message, sizeof(rest));
    va_list args;
    va_start(args, format);
    fill_message(err, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    int n = snprintf(err->message + used, sizeof(err->message) - used, ": %s", rest);
    if (n > 0 && used + (size_t)n >= sizeof(err->message)) {
        trim_partial_utf8(err->message);
    }
}

int err_from_errno(int os_errno)
{
    switch (os_errno) {
    case 0:
        return ZEUS_OK;
    case EACCES:
    case EPERM:
        return ZEUS_EPERM;
    case ENOENT:
    case ESRCH:
        return ZEUS_ENOTFOUND;
    case ENODEV:
    case ENXIO:
        return ZEUS_EDEVLOST;
    case ENOMEM:
        return ZEUS_ENOMEM;
    case EINVAL:
        return ZEUS_EINVAL;
    case EBUSY:
        return ZEUS_EBUSY;
    case EAGAIN:
        return ZEUS_EAGAIN;
    case ETIMEDOUT:
        return ZEUS_ETIMEOUT;
    case ENOSYS:
    case EOPNOTSUPP:
        return ZEUS_ENOTSUP;
    default:
        return ZEUS_EIO;
    }
}
