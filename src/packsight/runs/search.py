"""A search by Optuna that goes on where it was interrupted; see configs/hydra/sweeper/."""

import warnings
from pathlib import Path

from omegaconf import DictConfig
from rich.markup import escape

from packsight.system.console import console


def is_search(hydra_config: DictConfig) -> bool:
    return bool(hydra_config.sweeper._target_.endswith(".OptunaSweeper"))


def resume_search(config: DictConfig) -> None:
    """Set the sweeper of a study to what is left of its n_trials.

    The study lies in the experiment's folder and looks for the best of the monitored metric. Trials
    that a killed process left behind come first again, so that their runs go on. The sampler's
    seed moves on with the trials: the same one would suggest the same values again.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    folder = Path(config.outputs, config.name)
    folder.mkdir(parents=True, exist_ok=True)
    sweeper = config.hydra.sweeper
    sweeper.storage = f"sqlite:///{folder.as_posix()}/study.db"
    sweeper.study_name = config.name
    sweeper.direction = f"{config.monitor_mode}imize"
    study = optuna.create_study(
        study_name=sweeper.study_name,
        storage=sweeper.storage,
        direction=sweeper.direction,
        load_if_exists=True,
    )
    trials = study.get_trials()
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            study.enqueue_trial(trial.params)
            study.tell(trial.number, state=TrialState.FAIL)
    made = sum(trial.state == TrialState.COMPLETE for trial in trials)
    sweeper.n_trials = max(sweeper.n_trials - made, 0)
    sweeper.sampler.seed = (sweeper.sampler.seed or 0) + len(trials)
    if made:
        console.print(f"search: {made} trials made, {sweeper.n_trials} to go")


def print_best(sweeper: DictConfig) -> None:
    """Print the best trial so far as overrides that can be typed."""
    import optuna

    best = optuna.load_study(study_name=sweeper.study_name, storage=sweeper.storage).best_trial
    values = " ".join(f"{key}={value}" for key, value in best.params.items())
    console.print(f"best of the search: {best.value:.4g} with {escape(values)}", soft_wrap=True)
