/* SPDX-License-Identifier: Apache-2.0
 *
 * secure_getenv under our own name.
 */
#include "base/secure_env.h"

#include <stdlib.h>

const char *secure_env_get(const char *name)
{
    return secure_getenv(name);
}
