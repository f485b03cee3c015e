/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding libcurl. Debian ships it over three TLS libraries; any of them will do, OpenSSL's last
 * because it is the slowest to load.
 */
#include "net/curl_lib.h"

#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"

static const struct dl_symbol symbols[] = {
    DL_REQUIRED(struct curl_lib, easy_init, "curl_easy_init"),
    DL_REQUIRED(struct curl_lib, easy_cleanup, "curl_easy_cleanup"),
    DL_REQUIRED(struct curl_lib, easy_reset, "curl_easy_reset"),
    DL_REQUIRED(struct curl_lib, easy_setopt, "curl_easy_setopt"),
    DL_REQUIRED(struct curl_lib, easy_perform, "curl_easy_perform"),
    DL_REQUIRED(struct curl_lib, easy_getinfo, "curl_easy_getinfo"),
    DL_REQUIRED(struct curl_lib, easy_strerror, "curl_easy_strerror"),
    DL_REQUIRED(struct curl_lib, slist_append, "curl_slist_append"),
    DL_REQUIRED(struct curl_lib, slist_free_all, "curl_slist_free_all"),
    DL_REQUIRED(struct curl_lib, multi_init, "curl_multi_init"),
    DL_REQUIRED(struct curl_lib, multi_cleanup, "curl_multi_cleanup"),
    DL_REQUIRED(struct curl_lib, multi_add_handle, "curl_multi_add_handle"),
    DL_REQUIRED(struct curl_lib, multi_remove_handle, "curl_multi_remove_handle"),
    DL_REQUIRED(struct curl_lib, multi_socket_action, "curl_multi_socket_action"),
    DL_REQUIRED(struct curl_lib, multi_info_read, "curl_multi_info_read"),
    DL_REQUIRED(struct curl_lib, multi_setopt, "curl_multi_setopt"),
    DL_REQUIRED(struct curl_lib, multi_strerror, "curl_multi_strerror"),
};

int curl_lib_load(struct curl_lib *lib, zeus_error *err)
{
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4", "libcurl-nss.so.4"};
    void *handle = NULL;
    int r = ZEUS_ENOLIB;
    for (size_t i = 0; i < ARRAY_LEN(names) && r < 0; i++) {
        r = dl_open(names[i], &handle, NULL);
    }
    if (r < 0) {
        return err_set(err, ZEUS_ENOLIB,
                       "requests need libcurl: none of libcurl-gnutls.so.4, libcurl.so.4, "
                       "libcurl-nss.so.4 loads");
    }
    *lib = (struct curl_lib){0};
    return dl_load(handle, symbols, ARRAY_LEN(symbols), lib, err);
}
