# SPDX-License-Identifier: Apache-2.0
"""Run by a Python that has the published package: its clients, unmodified, against a zeusd.

Arguments: a command and an endpoint (a socket path, or HOST:PORT). Prints RESULT and JSON."""
import dataclasses
import json
import sys
import time

from zeus.monitor.power_streaming import PowerStreamingClient
from zeus.utils.zeusd import ZeusdClient, ZeusdConfig, require_capabilities


def config(endpoint, **kwargs):
    if endpoint.startswith("/"):
        return ZeusdConfig.uds(endpoint, **kwargs)
    host, port = endpoint.rsplit(":", 1)
    return ZeusdConfig.tcp(host, int(port), **kwargs)


def everything(endpoint, token):
    """Discovery, every read and every write of the client."""
    client = ZeusdClient(config(endpoint, token=token))
    got = {"gpus": [dataclasses.asdict(gpu) for gpu in client.gpus],
           "cpus": [dataclasses.asdict(cpu) for cpu in client.cpus],
           "auth": [client.auth_required, client.auth_error, sorted(client.granted_scopes)],
           "can": [client.can_read_gpu, client.can_control_gpu, client.can_read_cpu]}
    if not all(got["can"]):
        return got
    require_capabilities(client, read_gpu=True, control_gpu=True, read_cpu=True, gpu_ids=[0, 3],
                         cpu_ids=[0])
    got["energy"] = client.get_gpu_energy([0, 2])
    got["power"] = client.get_gpu_power().power_mw
    got["power_some"] = sorted(client.get_gpu_power([1, 3]).power_mw)
    client.set_power_limit([0, 1], 200000)
    client.set_power_limit([2], 150000, block=False)
    client.set_persistence_mode([1], True)
    client.set_gpu_locked_clocks([0], 1005, 1500)
    client.set_mem_locked_clocks([0], 1593, 1593)
    client.set_persistence_mode([2], False)  # behind the one that was not waited for
    got["limit"] = client.get_power_limit()
    got["constraints"] = client.get_power_limit_constraints([0])
    got["persistence"] = client.get_persistence_mode([0, 1])
    client.reset_gpu_locked_clocks([0])
    client.reset_mem_locked_clocks([0])
    client.set_power_limit([0, 1, 2], 300000)
    client.set_persistence_mode([1], False)
    try:
        client.set_power_limit([0], 1)
        got["refused"] = ""
    except Exception as error:
        got["refused"] = f"{type(error).__name__}: {error}"
    got["cpu_energy"] = {i: dataclasses.asdict(e) for i, e in client.get_cpu_energy([0, 1]).items()}
    got["cpu_power"] = {i: dataclasses.asdict(p)
                        for i, p in client.get_cpu_power().power_mw.items()}
    got["time_off_s"] = abs(client.get_time() - time.time())
    return got


def stream(endpoint, token):
    """Snapshots of the streaming client until every device has shown itself."""
    client = PowerStreamingClient(servers=[config(endpoint, token=token)])
    got = {}
    updates = 0
    for snapshot in client:
        updates += 1
        reading = snapshot[endpoint]
        got = {"gpus": reading.gpu_power_w,
               "cpus": {i: [c.cpu_w, c.dram_w] for i, c in reading.cpu_power_w.items()},
               "lag_s": abs(time.time() - reading.timestamp_s), "updates": updates}
        if len(got["gpus"]) == 4 and len(got["cpus"]) == 2 and updates >= 40:
            break
    client.stop()
    return got


def reconnect(endpoint, token):
    """Streams on while somebody else restarts the daemon; says when to."""
    client = PowerStreamingClient(servers=[config(endpoint, token=token)], reconnect_delay_s=0.1)
    iterator = iter(client)
    first = next(iterator)[endpoint].timestamp_s
    print("STREAMING", flush=True)
    sys.stdin.readline()  # the daemon is gone and another is there
    restarted_s = time.time()
    for snapshot in iterator:
        if snapshot[endpoint].timestamp_s > restarted_s:
            break
    client.stop()
    return {"first": first, "again": True}


if __name__ == "__main__":
    command, endpoint, token = sys.argv[1:]
    result = globals()[command](endpoint, token or None)
    print("RESULT", json.dumps(result))
