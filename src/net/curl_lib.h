/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when the first client is made. Linking it would cost every start of every program
 * that uses libzeus some 30 more libraries, 7 ms and 6 MB, for requests that few of them make.
 */
#ifndef ZEUS_NET_CURL_LIB_H
#define ZEUS_NET_CURL_LIB_H

#include <curl/curl.h>

#include <zeus/error.h>

#include "base/attr.h"

struct curl_lib {
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *handle);
    void (*easy_reset)(CURL *handle);
    CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *handle);
    CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *handle);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *handle);
    CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t fd, int events, int *running);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    const char *(*multi_strerror)(CURLMcode code);
};

/* Fills `lib`. NOLIB names what was tried, NOSYM a function that is missing. */
int curl_lib_load(struct curl_lib *lib, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_NET_CURL_LIB_H */
