/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment, unless the process has more rights than its user: then there is none. This is
 * what keeps a set-uid program from ever reading simulated devices.
 */
#include <stdlib.h>

#include "simcore/state.h"

const char *sim_state_getenv(const char *name)
{
    const char *value = secure_getenv(name);
    return value && value[0] ? value : NULL;
}
