"""A command line as its user means it, in words that Hydra understands.

Hydra reads 20261125 and 1.10 as numbers wherever they stand, adds what is misspelt if a + stands in
front, and stops at a bracket in a path. So each argument is looked up in the schema first: text is
quoted, a key gets the prefix that it needs, and what cannot be meant is told in a sentence.
"""

from collections.abc import Sequence

from packsight.configuration.choices import Choices
from packsight.configuration.keys import Key, find
from packsight.configuration.nearest import nearest
from packsight.configuration.quoting import as_text, parsed, typed, values
from packsight.configuration.sentences import shown, unknown
from packsight.errors import UserError

# Keys of a stage that share their name with a config group, and where their value stands.
VALUES = {
    ("evaluate", "data"): "data.path",
    ("evaluate", "decision"): "decision.path",
    ("explain", "data"): "data.path",
    ("export", "decision"): "decision.path",
    ("export", "precision"): "precision.name",
    ("predict", "decision"): "decision.path",
    ("report", "data"): "data.path",
    ("predict", "perspective"): "perspective.name",
}
ENGINES = ("hydra/launcher", "hydra/sweeper")
SWEEP = ("-m", "--multirun")
COMPLETION = ("-sc", "--shell-completion")
# Hydra's options; those that take a value, and those that bring configurations from elsewhere.
ALONE = ("-h", "--help", "--hydra-help", "--version", "-r", "--run", "--resolve", "-i", "--info",
         *SWEEP, *COMPLETION)  # fmt: skip
ELSEWHERE = ("-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir")
VALUED = ("-c", "--cfg", "-p", "--package", "--experimental-rerun", *ELSEWHERE)


def arranged(arguments: Sequence[str], stage: str) -> list[str]:
    """Arguments as Hydra should get them: options first, text quoted, keys as they are.

    What is arranged already stays as it is. Raises UserError for what cannot be meant.
    """
    options, words = _taken_apart(arguments)
    if not {*COMPLETION}.isdisjoint(options):
        return [*arguments]
    line = Line(stage, options, words)
    return [*options, *map(line.arranged, words)]


def _taken_apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Options with their values, and all other words. Raises UserError for an unknown option."""
    options: list[str] = []
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if not argument.startswith("-"):
            words.append(argument)
        elif name in ALONE or (name in VALUED and equals):
            options.append(argument)
        elif name in VALUED:
            options += [argument, *(value for value in [next(rest, None)] if value is not None)]
        else:
            hint = f"use {argument.lstrip('-')}" if equals else "--help tells how to set values"
            raise UserError(f"{argument} is no option; {hint}.")
    return options, words


class Line:
    """The arguments of one command."""

    def __init__(self, stage: str, options: Sequence[str], words: Sequence[str]) -> None:
        self.stage = stage
        self.sweeps = not {*SWEEP}.isdisjoint(options) or "hydra.mode=MULTIRUN" in words
        names = {option.partition("=")[0] for option in options}
        searched = any(word.lstrip("+").startswith("hydra.searchpath") for word in words)
        # Whether configurations of the user's own may bring groups and keys that are not ours.
        self.foreign = searched or not names.isdisjoint(ELSEWHERE)
        self.choices = Choices(stage)

    def arranged(self, word: str) -> str:
        """One word as Hydra should get it."""
        head, equals, value = word.partition("=")
        key = head.lstrip("+~")
        prefix = head.removesuffix(key)
        if not key or not (equals or "~" in prefix):
            raise UserError(f"{word} is not key=value; --help tells what can be set.")
        key = VALUES.get((self.stage, key), key) if equals else key
        if key in ENGINES and value != "basic" and not self.sweeps:
            raise UserError(f"{key}={value} is for sweeps; add -m, or leave it out.")
        if key.startswith(("hydra.", "hydra/")) or "@" in key or "~" in prefix:
            self._readable(word, key, value, None)
            return word
        if key in self.choices.groups:
            return word if self.foreign else self._choice(key, value)
        found, allowed = find(self.stage, key.split("."))
        if not allowed and not self.foreign:
            raise UserError(unknown(key, self.stage))
        if found and found.is_text:
            value = as_text(value, self.sweeps)
        if not self.foreign:
            prefix = "" if self.choices.is_common(key) else "++"
        word = f"{prefix}{key}={value}"
        self._readable(word, key, value, found)
        return word

    def _readable(self, word: str, key: str, value: str, found: Key | None) -> None:
        """Raises UserError for what Hydra cannot read, or reads as several values without -m."""
        override = parsed(word)
        if override is None:
            if found is not None and not (found.is_text or found.is_open):
                raise UserError(f"{key}={value} is not allowed; use {found.allowed}.")
            raise UserError(f"{key}={value} cannot be read; type it as {typed(key, value)}")
        if override.is_sweep_override() and not self.sweeps:
            remedy = ""
            if found is not None and found.is_list:
                remedy = f", or type {key}=[{value}] for all of them"
            elif found is None or found.is_text:
                remedy = f", or type it as {typed(key, value)} if it is one"
            raise UserError(f"{key}={value} is several values; sweep over them with -m{remedy}.")

    def _choice(self, group: str, value: str) -> str:
        """The choice of a group. Raises UserError for one that there is not."""
        choices = ", ".join(self.choices.options(group))
        override = parsed(f"{group}={value}")
        if override is None:
            raise UserError(f"{group}={value} is unknown; the choices are {choices}.")
        chosen = values(override)
        if override.is_sweep_override() and not self.sweeps:
            raise UserError(f"{group}={value} is several choices; sweep over them with -m.")
        several = any(isinstance(item, list) for item in chosen)
        if several and not self._may_be_several(group):
            raise UserError(
                f"{group}={value} is a list, and {group} is one of {choices}; with -m, "
                f"{group}={value.strip('[]')} takes one after the other."
            )
        names = [name for item in chosen for name in (item if isinstance(item, list) else [item])]
        for name in names:
            self._there_is(group, name)
        self._search(group, value, names)
        return f"{group}={value}"

    def _may_be_several(self, group: str) -> bool:
        """Whether choices of a group can be put together, as loggers and transforms can."""
        key, _ = find(self.stage, [group])
        return self.choices.is_global(group) or (key is not None and key.is_mapping)

    def _there_is(self, group: str, name: object) -> None:
        key, _ = find(self.stage, [group])
        options = self.choices.options(group)
        if str(name) in options or (name is None and not (key and key.required)):
            return
        said, wrong = f"{group}={shown(name)}", "is unknown" if name else "is not allowed"
        close = nearest(str(name), options) if name else None
        hint = f"do you mean {close}? The" if close else "the"
        if group == "data" and name:
            hint = f"images of your own are data.source={name}. The"
        raise UserError(f"{said} {wrong}; {hint} choices are {', '.join(options)}.")

    def _search(self, group: str, value: str, chosen: Sequence[object]) -> None:
        """Raises UserError for a search that would be an ordinary run."""
        searches = self.choices.searches() if group == "experiment" else []
        for name in {*map(str, chosen)}.intersection(searches):
            if not self.sweeps:
                raise UserError(
                    f"experiment={name} searches over many runs; start it with -m: "
                    f"python scripts/{self.stage}.py -m experiment={name}"
                )
            if len(chosen) > 1:
                raise UserError(
                    f"experiment={value} sweeps over a search, which is a sweep itself; start "
                    f"experiment={name} alone."
                )
