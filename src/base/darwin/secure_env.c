/* SPDX-License-Identifier: Apache-2.0
 *
 * macOS has no secure_getenv; issetugid() tells what it would have asked.
 */
#include "base/secure_env.h"

#include <stdlib.h>
#include <unistd.h>

const char *secure_env_get(const char *name)
{
    return issetugid() ? NULL : getenv(name);
}
