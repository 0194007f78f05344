"""A search by Optuna that goes on where it was interrupted; see configs/hydra/sweeper/."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from packsight.errors import UserError
from packsight.system.console import console
from packsight.system.files import making_folder


@dataclass(frozen=True)
class Search:
    """A study in an experiment's folder."""

    storage: str
    name: str
    trials_left: int
    seed: int  # of the sampler


def resume_search(folder: Path, name: str, direction: str, trials: int, seed: int) -> Search:
    """What is left of a study of so many `trials`; `direction` is minimize or maximize.

    Trials that a killed process left behind come first again, so that their runs go on. The
    sampler's seed moves on with the trials: the same one would suggest the same values again.
    """
    import optuna
    from optuna.exceptions import OptunaError
    from optuna.trial import TrialState
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    file = making_folder(folder) / "study.db"
    storage = f"sqlite:///{file.as_posix()}"
    try:
        begun = optuna.get_all_study_summaries(storage) if file.is_file() else []
        if len(begun) == 1:  # of another name, if the folder was renamed
            name = begun[0].study_name
        study = optuna.create_study(
            study_name=name, storage=storage, direction=direction, load_if_exists=True
        )
        known = study.get_trials()
    except (OptunaError, SQLAlchemyError, AssertionError, ValueError, KeyError) as error:
        raise UserError(
            f"{file} is damaged, or not a search by Optuna ({type(error).__name__}); restore it "
            "from a copy, or move it away and the search begins anew."
        ) from error
    for trial in known:
        if trial.state == TrialState.RUNNING:
            study.enqueue_trial(trial.params)
            study.tell(trial.number, state=TrialState.FAIL)
    made = sum(trial.state == TrialState.COMPLETE for trial in known)
    left = max(trials - made, 0)
    if made:
        console.print(f"search: {made} trials made, {left} to go")
    return Search(storage, name, left, seed + len(known))


def print_best(search: Search) -> None:
    """Print the best trial so far as overrides that can be typed."""
    import optuna

    best = optuna.load_study(study_name=search.name, storage=search.storage).best_trial
    values = " ".join(f"{key}={value}" for key, value in best.params.items())
    console.print(f"best of the search: {best.value:.4g} with {escape(values)}", soft_wrap=True)
