"""How many processes a command is: started by packsight itself, or by a launcher before it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from packsight.errors import UserError
from packsight.system.workers import end_with_parent

POLL_S = 0.2
REACHED_S = 60  # how long torchrun's store is tried
# What tells a process that it is one of several: how many, which one, how many on this machine.
LAUNCHERS = {
    "torchrun": ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE"),
    "srun": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", ""),
    "mpirun": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    "mpiexec": ("PMI_SIZE", "PMI_RANK", ""),
    "jsrun": ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_LOCAL_SIZE"),
    "submitit": ("SUBMITIT_LOCAL_NTASKS", "SUBMITIT_LOCAL_GLOBALID", ""),
}
ALONE = {  # how each starts one process
    "srun": "--ntasks=1", "mpirun": "-n 1", "mpiexec": "-n 1", "jsrun": "-n 1",
    "submitit": "hydra.launcher.tasks_per_node=1",
}  # fmt: skip
# By these a library would join processes that are none of its own.
JOINING = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK",
           "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
ELASTIC = "TORCHELASTIC_"


class Launched(NamedTuple):
    """A process that a launcher started together with others."""

    launcher: str
    processes: int
    rank: int
    local: int  # of them on this machine


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """Who started this process beside others; None if it is alone.

    Inside an allocation of Slurm a process is alone, unless `srun` started several.
    """
    for launcher, (size, number, here) in LAUNCHERS.items():
        rank = max(_number(environment, number), _number(environment, "LOCAL_RANK")
                   if launcher == "torchrun" else 0)  # fmt: skip
        count = max(_number(environment, size), rank + 1)
        if count > 1:
            return Launched(launcher, count, rank, _number(environment, here) or count)
    return None


def check_launch(stage: str) -> None:
    """Raise UserError where a launcher started this stage more often than it can be started."""
    started = launched()
    if started is None:
        return
    launcher, count = started.launcher, started.processes
    alone = f"trainer=ddp trainer.devices={count} starts the others" if stage == "train" else ""
    if launcher != "torchrun":
        then = f"; {alone}" if alone else ""
        raise UserError(
            f"{launcher} started this command as {count} processes; have it start one, with "
            f"{ALONE[launcher]}{then}."
        )
    if "TORCHELASTIC_USE_AGENT_STORE" not in os.environ:
        found = ", ".join(f"{key}={os.environ[key]}" for key in JOINING if key in os.environ)
        then = f"use torchrun --nproc-per-node={count}" if alone else "start it once"
        raise UserError(
            f"{found} tell of {count} processes, which torchrun did not start; {then}, or unset "
            "these variables."
        )
    if stage != "train":
        raise UserError(
            f"torchrun started {count} processes, but this stage works in one; start it without "
            "torchrun."
        )
    if started.local < count:
        raise UserError(
            f"torchrun started {started.local} of {count} processes on this machine; packsight "
            "trains on one machine, so use --nnodes=1."
        )


def check_processes(
    devices: int | str | Sequence[int],
    strategy: str | None,
    nodes: int,
    batch_size: int,
    gpus: int | None,
) -> None:
    """Raise UserError for processes that the trainer's settings ask for and cannot have.

    Lightning would start most of them by the command line again, and each would wait for the lock
    of the run that the first one holds. `gpus` are those of this machine; None where the CPU
    trains.
    """
    check_launch("train")
    listed = not isinstance(devices, int | str)
    count = (gpus or 1) if devices == "auto" else len(devices) if listed else int(devices)  # type: ignore[arg-type]
    if nodes > 1:
        raise UserError(
            f"trainer.num_nodes={nodes} is not possible, for packsight trains on one machine; use "
            "trainer=ddp trainer.devices=<number of its GPUs>."
        )
    spawns = strategy is not None and strategy.startswith("ddp_spawn")
    if not spawns and strategy not in (None, "auto"):
        raise UserError(
            f"trainer.strategy={strategy} would have each process begin with the command line; use "
            f"trainer=ddp trainer.devices={count}."
        )
    if count > 1 and not spawns:
        one = ", or trainer.devices=1" if devices == "auto" else ""
        raise UserError(
            f"trainer.devices={devices} needs several processes; use trainer=ddp "
            f"trainer.devices={count}{one}."
        )
    _check_there(devices, count, gpus)
    if batch_size < 2 * count and count > 1:
        raise UserError(
            f"data.batch_size={batch_size} is shared by {count} processes, and each needs 2 images "
            f"a step; choose at least {2 * count}, or fewer trainer.devices."
        )
    started = launched()
    if started and not (spawns and started.processes == count):
        raise UserError(
            f"torchrun started {started.processes} processes, but the trainer asks for {count}; "
            f"use trainer=ddp trainer.devices={started.processes}, or start it without torchrun."
        )


def _check_there(devices: int | str | Sequence[int], count: int, gpus: int | None) -> None:
    if isinstance(devices, str):
        return
    if gpus is None:
        if not isinstance(devices, int):
            raise UserError(
                f"trainer.devices={list(devices)} names GPUs, but the CPU is to train; use "
                f"trainer.devices={count}."
            )
    elif isinstance(devices, int):
        if devices > gpus:
            raise UserError(f"trainer.devices={devices} is more than the {gpus} GPUs here.")
    elif len(set(devices)) < count or max(devices, default=gpus) >= gpus:
        raise UserError(
            f"trainer.devices={list(devices)} has to name GPUs of this machine, each once: "
            f"0 … {gpus - 1}."
        )


def in_one_process(stage: str, work: Callable[[], int]) -> int:
    """The exit code of `work`, which the first of several processes does; the others wait for it.

    Raises UserError where they are more than the stage can have.
    """
    check_launch(stage)
    started = launched()
    if started is None:
        return work()
    from torch.distributed import DistError, TCPStore

    end_with_parent()
    ended = f"packsight/{os.environ.get(f'{ELASTIC}RESTART_COUNT', 0)}/ended"
    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False,
            timeout=timedelta(seconds=REACHED_S),
        )  # fmt: skip
        if started.rank:
            while not store.check([ended]):
                time.sleep(POLL_S)
            return int(store.get(ended))
    except (DistError, KeyError, ValueError) as error:
        raise UserError(
            f"torchrun, which started this process, does not answer ({error}); start it again."
        ) from error
    code = 1
    try:
        code = work()
        return code
    finally:
        store.set(ended, str(code))


@contextmanager
def unled() -> Iterator[None]:
    """Without the variables by which libraries would join the processes of a launcher."""
    held = {
        key: os.environ.pop(key)
        for key in [*os.environ]
        if key in JOINING or key.startswith(ELASTIC)
    }
    try:
        yield
    finally:
        for key in JOINING:
            os.environ.pop(key, None)  # what the block set
        os.environ.update(held)


def _number(environment: Mapping[str, str], key: str) -> int:
    value = environment.get(key, "")
    return int(value) if value.isdecimal() else 0
