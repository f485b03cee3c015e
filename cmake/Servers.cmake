# What the HTTP programs need beyond libc. A missing library leaves its programs out, with a message.
#   ZEUS_HTTPD    libmicrohttpd and GnuTLS are there: src/httpd is built
#   ZEUS_SERVERS  and SQLite and libpq are: zeus-serve is built
#   ZEUS_AUTH     GnuTLS is there: src/auth is built
#   ZEUS_DAEMON   and PCRE2 is: zeusd is built
option(ZEUS_SERVERS "Build zeus-serve, the optimizer servers" ON)
find_package(PkgConfig QUIET)

function(zeus_find_library target package)
    if(PkgConfig_FOUND)
        pkg_check_modules(${target} QUIET IMPORTED_TARGET ${package})
    endif()
    if(${target}_FOUND)
        set(${target}_FOUND TRUE PARENT_SCOPE)
    else()
        set(${target}_FOUND FALSE PARENT_SCOPE)
        message(STATUS "zeus: ${package} not found by pkg-config")
    endif()
endfunction()

# ZEUS_NET: libcurl is there: libzeus has the clients of the servers (zeus/servers.h).
zeus_find_library(CURL libcurl)
set(ZEUS_NET ${CURL_FOUND})
zeus_find_library(MHD libmicrohttpd)
zeus_find_library(GNUTLS gnutls)
zeus_find_library(PCRE2 libpcre2-8)
set(ZEUS_AUTH ${GNUTLS_FOUND})
set(ZEUS_HTTPD OFF)
if(MHD_FOUND AND GNUTLS_FOUND)
    set(ZEUS_HTTPD ON)
endif()
# ZEUS_DAEMON: all that zeusd needs is there.
set(ZEUS_DAEMON OFF)
if(ZEUS_HTTPD AND ZEUS_AUTH AND PCRE2_FOUND)
    set(ZEUS_DAEMON ON)
else()
    message(STATUS "zeus: zeusd is left out; it needs libmicrohttpd, gnutls and libpcre2-8")
endif()
if(ZEUS_SERVERS)
    zeus_find_library(SQLITE sqlite3)
    zeus_find_library(PQ libpq)
    if(NOT (ZEUS_HTTPD AND SQLITE_FOUND AND PQ_FOUND))
        message(STATUS "zeus: zeus-serve is left out; it needs libmicrohttpd, gnutls, sqlite3 and libpq")
        set(ZEUS_SERVERS OFF)
    endif()
endif()
