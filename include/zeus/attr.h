/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiler attributes used by the public headers: valid C99 and C++11, empty where unknown.
 */
#ifndef ZEUS_ATTR_H
#define ZEUS_ATTR_H

#if defined(__GNUC__) || defined(__clang__)
#define ZEUS_API          __attribute__((visibility("default")))
#define ZEUS_CHECK        __attribute__((warn_unused_result))
#define ZEUS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ZEUS_API
#define ZEUS_CHECK
#define ZEUS_PRINTF(f, a)
#endif

#ifdef __cplusplus
#define ZEUS_BEGIN_DECLS extern "C" {
#define ZEUS_END_DECLS   }
#else
#define ZEUS_BEGIN_DECLS
#define ZEUS_END_DECLS
#endif

#endif /* ZEUS_ATTR_H */
