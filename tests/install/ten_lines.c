/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <zeus/zeus.h>
int main(void)
{
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_session_open(NULL, &session, &err) < 0) {
        return printf("cannot open a session: %s\n", err.message), 1;
    }
    printf("zeus %s sees %u devices\n", zeus_version(), zeus_session_all_count(session));
    zeus_session_close(session);
}
