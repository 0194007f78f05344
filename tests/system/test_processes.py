"""However several processes are asked for, they are counted, or refused with a way out."""

import os

import pytest

from packsight.errors import UserError
from packsight.system.processes import (
    JOINING,
    LAUNCHERS,
    Launched,
    check_launch,
    check_processes,
    launched,
    unled,
)

TORCHRUN = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2",
            "GROUP_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500",
            "TORCHELASTIC_RUN_ID": "1", "TORCHELASTIC_USE_AGENT_STORE": "True"}  # fmt: skip
SBATCH = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4",
          "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}  # fmt: skip
SRUN = SBATCH | {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2"}


@pytest.fixture
def environment(monkeypatch):
    """Nothing of a launcher's but this: environment(WORLD_SIZE="2")."""
    for key in [*os.environ]:
        if key.startswith(("SLURM_", "TORCHELASTIC_", "OMPI_", "PMI_", "JSM_")) or key in JOINING:
            monkeypatch.delenv(key)

    def be(**values: str) -> None:
        for key, value in values.items():
            monkeypatch.setenv(key, value)

    be()
    return be


@pytest.mark.parametrize(
    "alone",
    [
        {},
        TORCHRUN | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"},
        {"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "pod-0", "MASTER_PORT": "23456"},
        {"LOCAL_RANK": "0"},
        {"WORLD_SIZE": "", "RANK": "none"},
        SBATCH,  # the script of a job of four tasks, before any srun
        SRUN | {"SLURM_STEP_NUM_TASKS": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
    ],
    ids=str,
)
def test_one_process_is_alone_whatever_it_inherits(alone):
    assert launched(alone) is None


@pytest.mark.parametrize(
    ("several", "found"),
    [
        (TORCHRUN, Launched("torchrun", 2, 0, 2)),
        (TORCHRUN | {"WORLD_SIZE": "4", "RANK": "3"}, Launched("torchrun", 4, 3, 2)),
        ({"LOCAL_RANK": "1"}, Launched("torchrun", 2, 1, 2)),
        (SRUN | {"SLURM_PROCID": "1"}, Launched("srun", 2, 1, 2)),
        (SBATCH | {"SLURM_PROCID": "3"}, Launched("srun", 4, 3, 4)),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, Launched("mpirun", 2, 1, 2)),
        ({"PMI_SIZE": "3", "PMI_RANK": "0"}, Launched("mpiexec", 3, 0, 3)),
        ({"JSM_NAMESPACE_SIZE": "2", "JSM_NAMESPACE_RANK": "0"}, Launched("jsrun", 2, 0, 2)),
        ({"SUBMITIT_LOCAL_NTASKS": "2"}, Launched("submitit", 2, 0, 2)),
    ],
    ids=str,
)
def test_several_processes_are_counted(several, found):
    assert launched(several) == found


@pytest.mark.parametrize("stage", ["train", "evaluate"])
@pytest.mark.parametrize("launcher", [name for name in LAUNCHERS if name != "torchrun"])
def test_what_other_launchers_start_several_times_is_refused(environment, stage, launcher):
    environment(**{LAUNCHERS[launcher][0]: "2", LAUNCHERS[launcher][1]: "1"})
    with pytest.raises(UserError, match=rf"{launcher} started this command as 2 .* have it start"):
        check_launch(stage)


@pytest.mark.parametrize(
    ("changed", "stage", "said"),
    [
        ({}, "evaluate", "this stage works in one; start it without torchrun"),
        ({"WORLD_SIZE": "4"}, "train", "2 of 4 processes on this machine.*--nnodes=1"),
    ],
    ids=str,
)
def test_torchrun_starts_what_trains_on_one_machine_alone(environment, changed, stage, said):
    environment(**TORCHRUN | changed)
    with pytest.raises(UserError, match=said):
        check_launch(stage)


@pytest.mark.parametrize("stage", ["train", "report"])
@pytest.mark.parametrize("rank", ["0", "1"])
def test_variables_that_no_torchrun_has_set_are_named(environment, script, capsys, rank, stage):
    environment(WORLD_SIZE="2", RANK=rank, MASTER_ADDR="localhost")
    assert script(stage, cwd=".") == 2
    told = capsys.readouterr().err
    assert f"WORLD_SIZE=2, RANK={rank}, MASTER_ADDR=localhost tell of 2 processes" in told
    assert "unset these variables" in told


def test_a_rank_whose_torchrun_is_gone_ends(environment, script, capsys, monkeypatch):
    monkeypatch.setattr("packsight.system.processes.REACHED_S", 1)
    environment(**TORCHRUN | {"RANK": "1", "MASTER_PORT": "1"})
    assert script("train", "trainer=ddp", cwd=".") == 2
    assert "torchrun, which started this process, does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"devices": 2}, "use trainer=ddp trainer.devices=2."),
        ({"devices": [0, 1], "gpus": 2}, "use trainer=ddp trainer.devices=2."),
        ({"devices": "auto", "gpus": 4}, "use trainer=ddp trainer.devices=4, or trainer.devices=1"),
        ({"devices": 2, "strategy": "ddp"}, "strategy=ddp .*use trainer=ddp trainer.devices=2."),
        ({"strategy": "fsdp"}, "strategy=fsdp .*use trainer=ddp trainer.devices=1."),
        ({"nodes": 2}, "num_nodes=2 is not possible.* one machine"),
        ({"devices": 2, "nodes": 2, "strategy": "ddp_spawn"}, "num_nodes=2 is not possible"),
        ({"devices": 4, "strategy": "ddp_spawn", "batch_size": 7}, "data.batch_size=7 .*least 8"),
        ({"devices": 3, "strategy": "ddp_spawn", "gpus": 2}, "more than the 2 GPUs here"),
        ({"devices": [0, 2], "strategy": "ddp_spawn", "gpus": 2}, "GPUs of this machine.* 0 … 1"),
        ({"devices": [0, 0], "strategy": "ddp_spawn", "gpus": 2}, "each once"),
        ({"devices": [0]}, r"devices=\[0\] names GPUs, but the CPU .*use trainer.devices=1"),
    ],
    ids=str,
)
def test_processes_that_cannot_be_are_refused_with_what_can(environment, asked, said):
    with pytest.raises(UserError, match=said):
        check_processes(**{"devices": 1, "strategy": None, "nodes": 1, "batch_size": 16,
                           "gpus": None} | asked)  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        (1, None, 1, 2, None),
        (1, "auto", 1, 2, 1),
        ("auto", None, 1, 2, 1),
        ("auto", None, 1, 2, None),
        (2, "ddp_spawn", 1, 4, None),
        ("auto", "ddp_spawn", 1, 8, 4),
        ([1, 3], "ddp_spawn", 1, 16, 4),
        ([1], None, 1, 16, 4),
    ],
    ids=str,
)
def test_processes_that_can_be_are_let_through(environment, asked):
    check_processes(*asked)


def test_torchrun_and_the_trainer_have_to_mean_the_same(environment):
    environment(**TORCHRUN)
    check_processes(2, "ddp_spawn", 1, 16, None)
    for devices, strategy in ((1, None), (4, "ddp_spawn"), (1, "ddp_spawn")):
        with pytest.raises(UserError, match=r"use trainer=ddp trainer\.devices=2, or start"):
            check_processes(devices, strategy, 1, 16, None)


def test_a_training_starts_its_own_processes(environment):
    environment(**TORCHRUN)
    with unled():
        assert not [key for key in TORCHRUN if key in os.environ]
        os.environ["MASTER_PORT"] = "1"
    assert {key: os.environ[key] for key in TORCHRUN} == TORCHRUN
