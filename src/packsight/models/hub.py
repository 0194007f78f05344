"""Files of a model in the model hub, which is asked once, and briefly."""

from functools import cache
from pathlib import Path
from typing import NoReturn

from rich.markup import escape

from packsight.errors import UserError
from packsight.system.console import console

TIMEOUT_S = 5.0  # its own retries take most of a minute to fail


def hub_file(repository: str, names: tuple[str, ...]) -> Path | None:
    """The first of these files that a model of the hub has; None where it has none of them.

    `repository` is <owner>/<name>, with @<revision> where one is meant. Where the hub does not
    answer, what it gave before is used. Raises UserError where there is neither.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    name, _, revision = repository.partition("@")
    commit, there, reason = _asked(repository)
    if commit is None:
        for file in names:
            known = try_to_load_from_cache(name, file, revision=revision or None)
            if isinstance(known, str):
                _tell(f"hub: {escape(repository)} as it was kept here, {reason}")
                return Path(known)
        refuse(repository, reason)
    file = next((file for file in names if file in there), "")
    try:
        return Path(hf_hub_download(name, file, revision=commit)) if file else None
    except Exception as error:  # whatever the HTTP library of the day raises
        refuse(repository, f"it stopped answering ({type(error).__name__})")


def refuse(repository: str, reason: str) -> NoReturn:
    raise UserError(
        f"the model hub has not answered for {repository}, {reason}; check the network, or use "
        "model.backbone=local-dir:<folder with its config.json and model.safetensors>."
    )


@cache
def _tell(line: str) -> None:
    """Print a line, once in a process: a run looks for several files, more than once."""
    console.print(line, soft_wrap=True)


@cache
def _asked(repository: str) -> tuple[str | None, frozenset[str], str]:
    """The commit of a model, and its files; without a commit, why there is no answer."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    name, _, revision = repository.partition("@")
    try:
        told = HfApi().model_info(name, revision=revision or None, timeout=TIMEOUT_S)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UserError(
            f"model.backbone=hf-hub:{repository} is not in the model hub, or not for you; give "
            "hf-hub:<owner>/<name>, and log in (hf auth login) where it is private."
        ) from error
    except Exception as error:  # whatever the HTTP library of the day raises
        return None, frozenset(), f"since it does not answer ({type(error).__name__})"
    return told.sha, frozenset(file.rfilename for file in told.siblings or ()), ""
