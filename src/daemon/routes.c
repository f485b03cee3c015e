/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of routes.
 */
#include "daemon/routes.h"

#include "base/macro.h"
#include "daemon/daemon.h"

static const struct httpd_route routes[] = {
    {"GET", "/discover", route_discover, 0, 0},
    {"GET", "/time", route_time, 0, 0},
    {"GET", "/health", route_health, 0, 0},
    {"GET", "/auth/whoami", route_whoami, 0, 0},

    {"GET", "/gpu/get_power", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_cumulative_energy", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_power_limit", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_power_limit_constraints", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_persistence_mode", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_temperature", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_clocks", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_utilization", route_gpu_read, 0, 0},
    {"GET", "/gpu/get_processes", route_gpu_read, 0, 0},
    {"GET", "/gpu/stream_power", route_stream, 0, 0},
    {"GET", "/gpu/stream_energy", route_stream, 0, 0},
    {"GET", "/gpu/stream_temperature", route_stream, 0, 0},
    {"GET", "/gpu/stream_clocks", route_stream, 0, 0},

    {"POST", "/gpu/set_power_limit", route_gpu_write, 0, 0},
    {"POST", "/gpu/set_persistence_mode", route_gpu_write, 0, 0},
    {"POST", "/gpu/set_gpu_locked_clocks", route_gpu_write, 0, 0},
    {"POST", "/gpu/reset_gpu_locked_clocks", route_gpu_write, 0, 0},
    {"POST", "/gpu/set_mem_locked_clocks", route_gpu_write, 0, 0},
    {"POST", "/gpu/reset_mem_locked_clocks", route_gpu_write, 0, 0},
    {"POST", "/gpu/reset_locked_clocks", route_gpu_write, 0, 0},

    {"GET", "/cpu/get_cumulative_energy", route_cpu_energy, 0, 0},
    {"GET", "/cpu/get_power", route_cpu_power, 0, 0},
    {"GET", "/cpu/stream_power", route_stream, 0, 0},
    {"GET", "/cpu/stream_energy", route_stream, 0, 0},

    {"POST", "/lease/renew", route_lease_renew, 0, 0},
    {"POST", "/lease/release", route_lease_release, 0, 0},
    {"GET", "/lease/hold", route_lease_hold, 0, 0},
    {"GET", "/lease/list", route_lease_list, 0, 0},

    {"GET", "/metrics", route_metrics, 0, 0},
    {"GET", "/history", route_history, 0, 0},
    {"POST", "/window/begin", route_window_begin, 0, 0},
    {"POST", "/window/end", route_window_end, 0, 0},
    {"POST", "/window/cancel", route_window_cancel, 0, 0},
    {"GET", "/window/read", route_window_read, 0, 0},

    {"GET", "/", route_page, 0, 0},
    {"GET", "/ui/{file}", route_page, 0, 0},
};

const struct httpd_route *daemon_routes(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(routes);
    return routes;
}
