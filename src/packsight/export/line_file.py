"""Runs to the line's file: written, compared with the models, and there only if it is equal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from packsight.deployment.serving import Serving
from packsight.domain import Precision
from packsight.errors import UserError
from packsight.export.bundle import Contents, add, write_bundle
from packsight.export.contents import contents_of, distinct, in_integers, models_of
from packsight.export.packages import Known, known_packages
from packsight.export.parity import Parity, compared, on_validation, verdicts
from packsight.export.precision import half
from packsight.export.tried import Tried, check_gain, table_of, take_times
from packsight.export.validation import figures_table, same_decisions
from packsight.line.archive import PARITY, REFERENCE
from packsight.line.model import LineModel
from packsight.line.reference import Reference
from packsight.line.verdict import Verdict
from packsight.system.console import console
from packsight.system.files import replacing
from packsight.system.half_written import clear_dead_beside


@dataclass(frozen=True)
class Wanted:
    """What is asked of the file."""

    precision: str = "fp32"  # fp32, fp16 or int8
    mirrors: bool = True  # average over mirror images, as training has seen them
    agreement: float = 0.95  # share of fp32's decisions on validation packages that others keep


class LineFile:
    """A line's file in the making, under a temporary name."""

    def __init__(self, serving: Serving, known: Known, file: Path, wanted: Wanted) -> None:
        self.serving = serving
        self.known = known
        self.file = file
        self.wanted = wanted
        self.base: Sequence[Verdict] | None = None  # of the file in fp32, on validation packages

    def make(self, card: str) -> None:
        """Write and verify it. Raises UserError where it does not answer as the models do."""
        contents, networks, parity = self._begin(card)
        tried = [self._try("fp32", networks)]
        if self.wanted.precision != "fp32":
            self.base = tried[0].verdicts
            tried.append(self._other(contents, networks))
        take_times(tried, self.known.compared)
        console.print(table_of(tried, self.known.damaged))
        if self.wanted.precision != "fp32":
            tried[-1].check_agreement(self.wanted.agreement)
        if self.wanted.precision == "fp16":
            check_gain(*tried)
        self._tell_training(tried[-1])
        if not self.wanted.mirrors:
            self._tell_mirrors(tried[-1].verdicts)
        decision = self.serving.decision
        looked = Reference.measure(
            tried[-1].verdicts, self.known.damaged, decision.share if decision else None
        )
        add(self.file, REFERENCE, looked.to_dict())
        add(
            self.file,
            PARITY,
            {"fp32": parity.to_dict(), "precisions": [item.to_dict() for item in tried]},
        )

    def _begin(self, card: str) -> tuple[Contents, dict[str, bytes], Parity]:
        """Write the file in fp32 and compare it with its models, which are not kept."""
        exact = models_of(self.serving, self.wanted.mirrors, exact=True)
        told = {"precision": "fp32", "mirrors": self.wanted.mirrors}
        contents, networks = contents_of(self.serving, exact, told, card)
        write_bundle(self.file, contents, networks)
        parity = self._compare(exact)
        console.print(parity.table())
        parity.check()
        return contents, networks, parity

    def _compare(self, exact: Mapping) -> Parity:
        packages, rest = self.known.compared, (self.serving.fusion, self.serving.decision)
        line = LineModel.open(self.file, threads=1).inspector
        ours = verdicts(line.models, *rest, packages, "the file")
        return compared(verdicts(exact, *rest, packages, "the models"), ours)

    def _on_validation(self, models: Mapping, title: str) -> list[Verdict]:
        rest = self.serving.fusion, self.serving.decision
        return on_validation(models, *rest, self.known.validation, title)

    def _try(
        self, name: str, networks: Mapping[str, bytes], told: Mapping[str, object] | None = None
    ) -> Tried:
        """The file as it stands now."""
        line = LineModel.open(self.file, threads=1).inspector
        found = self._on_validation(line.models, f"validation packages, {name}")
        size = sum(map(len, networks.values())) / 1e6
        same = same_decisions(self.base or found, found)
        return Tried(name, size, LineModel.open(self.file), found, same, told or {})

    def _other(self, contents: Contents, networks: Mapping[str, bytes]) -> Tried:
        """The file in fp16 or int8."""
        name = self.wanted.precision
        contents = replace(contents, told={**contents.told, "precision": name})
        if name == "fp16":
            made = {file: half(content) for file, content in networks.items()}
            write_bundle(self.file, contents, made)
            return self._try(name, made)
        found = in_integers(self.serving, contents, networks, self.known)
        made = {file: of.content for file, of in found.items()}
        write_bundle(self.file, contents, made)
        layers = sum(of.layers for of in found.values())
        exact = sum(of.exact for of in found.values())
        console.print(
            f"int8: {exact} of {layers} convolutions and matrices stay in fp32, where rounding "
            "moves the scores of training images most",
            soft_wrap=True,
        )
        kept = {
            file: {"layers": of.layers, "in_fp32": of.exact, "log_odds_moved": of.shift}
            for file, of in found.items()
        }
        return self._try(name, made, {"networks": kept})

    def _tell_training(self, chosen: Tried) -> None:
        """What it changes that models trained in other numbers compute in those of the file."""
        names = {str(run.config.precision.name) for run in distinct(self.serving)}
        if names == {str(Precision.FP32)}:
            return
        own = self._on_validation(
            models_of(self.serving, self.wanted.mirrors, exact=False), "models as trained"
        )
        trained = ", ".join(sorted(names))
        same = same_decisions(own, chosen.verdicts)
        caption = f"{same} of {len(own)} decisions are the same; each package by models that did "
        caption += "not learn it"
        if self.serving.decision is not None:
            caption += (
                f"; the decision's thresholds were fitted in {trained}: models trained with "
                "precision=fp32 would have had them fitted in what the line computes in"
            )
        columns = {f"the models, {trained}": own, f"the file, {chosen.name}": chosen.verdicts}
        title = "What other numbers than those of the training change"
        console.print(figures_table(columns, self.known.damaged, title, caption))

    def _tell_mirrors(self, without: Sequence[Verdict]) -> None:
        """What the mirror images were worth."""
        before = models_of(self.serving, mirrors=True, exact=False)
        trained = self._on_validation(before, "models with mirror images")
        caption = "each package by models that did not learn it"
        if self.serving.decision is not None:
            caption += "; the decision's thresholds were fitted with mirror images"
        columns = {"with mirror images": trained, "the file, without": without}
        console.print(
            figures_table(columns, self.known.damaged, "What mirror images are worth", caption)
        )


def export_line(
    serving: Serving,
    root: Path,
    table: pd.DataFrame,
    output: Path,
    wanted: Wanted,
    *,
    card: str = "",
    overwrite: bool = False,
) -> Path:
    """Write the line's file of those who serve; `table` is the manifest of their data in `root`.

    Raises UserError where it does not answer as the models do, and then writes nothing.
    """
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists; choose another output= or set overwrite=true.")
    if len(serving.runs) > 1 and serving.fusion is None:
        raise UserError(
            "the models of the two cameras do not come to one score for a package, for they were "
            "trained on different data; export one camera with member=, or fit a decision."
        )
    if table["shot"].any():
        console.print(
            "[yellow]one image a camera:[/] a line decides by one image of each camera, and these "
            "models were judged by several; it is verified on the first of each",
            soft_wrap=True,
        )
    known = known_packages(serving, root, table)
    clear_dead_beside(output)
    with replacing(output) as temporary:
        LineFile(serving, known, temporary, wanted).make(card)
    console.print(f"the line's file: [cyan]{output}[/]", soft_wrap=True)
    return output
