# SPDX-License-Identifier: Apache-2.0
"""Run by test_serve_clients.py with a Python that has the published client package: its clients,
unmodified, against our servers. Only what needs a GPU or a process group is stood in for.

usage: published_clients.py bso|pfo URL
"""
import itertools
import json
import random
import sys
import types


class Gpus:
    """Four GPUs of 300 W."""

    def __len__(self):
        return 4

    def getPowerManagementLimitConstraints(self, _):
        return 100_000, 300_000

    def getName(self, _):
        return "Tesla V100"

    def getSupportedMemoryClocks(self, _):
        return [877]

    def getSupportedGraphicsClocks(self, _, __):
        return [1380, 1410, 1395]


class Monitor:
    """A window's time and energy depend on the batch size in use."""
    gpu_indices = [0, 1, 2, 3]
    truth = {256: (30.0, 9000.0), 512: (20.0, 6000.0), 1024: (40.0, 16000.0)}
    rng = random.Random(3)

    def begin_window(self, _):
        pass

    def end_window(self, _):
        time_s, energy_j = self.truth[self.batch_size]
        noise = self.rng.uniform(0.97, 1.03)
        return types.SimpleNamespace(time=time_s * noise, total_energy=energy_j * noise)


def recurring_job(url):
    import atexit

    from zeus.optimizer.batch_size import client
    from zeus.optimizer.batch_size.common import JobSpec
    client.get_gpus = lambda ensure_homogeneous=False: Gpus()
    hooks = []
    atexit.register = hooks.append
    job_id, chosen = None, []
    for _ in range(30):
        spec = JobSpec(job_id=job_id, job_id_prefix="mnist", default_batch_size=1024,
                       batch_sizes=[256, 512, 1024], max_epochs=5, mab_seed=11)
        monitor = Monitor()
        bso = client.BatchSizeOptimizer(monitor, url, spec)
        job_id = bso.job.job_id
        monitor.batch_size = bso.get_batch_size()
        chosen.append(monitor.batch_size)
        bso.on_train_begin()
        for epoch in itertools.count(1):
            if bso.training_finished:
                break
            try:
                bso.on_evaluate(0.6 if epoch == 3 else 0.1)
            except client.ZeusBSOTrainFailError:
                break
        hooks.pop()()  # what the client does at exit
    return {"job_id": job_id, "chosen": chosen, "max_power": bso.job.max_power}


def pipeline_job(url):
    torch = types.ModuleType("torch")
    torch.distributed = types.ModuleType("torch.distributed")
    torch.distributed.is_initialized = lambda: True
    torch.distributed.broadcast_object_list = lambda objects, src: None
    torch.cuda = types.SimpleNamespace(set_device=lambda _: None)
    sys.modules.update({"torch": torch, "torch.distributed": torch.distributed})
    from zeus.optimizer.pipeline_frequency import optimizer
    locked = []
    optimizer.get_gpus = Gpus
    optimizer.sync_execution = lambda *_, **__: None
    optimizer.FrequencyController = lambda device_id: types.SimpleNamespace(
        set_frequency=locked.append)
    pfo = optimizer.PipelineFrequencyOptimizer(
        rank=0, dp_rank=0, pp_rank=0, tp_rank=0, device_id=0, dp_degree=1, pp_degree=1,
        tp_degree=1, world_size=1, server_url=url, job_metadata="one rank")
    for _ in range(2):
        pfo.on_step_begin()
        for name in ("forward", "forward", "backward", "backward"):
            pfo.on_instruction_begin(name)
            pfo.on_instruction_end(name)
        pfo.on_step_end()
    return {"job_id": pfo.job_id, "locked": locked}


if __name__ == "__main__":
    run = {"bso": recurring_job, "pfo": pipeline_job}[sys.argv[1]]
    print("RESULT " + json.dumps(run(sys.argv[2])))
