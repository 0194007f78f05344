"""Words for labels, cameras and splits, in several languages and as a source's owner gives them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from packsight.domain import LABELS, Perspective, Split
from packsight.errors import UserError

Words = Mapping[str, Sequence[str]]  # of each meaning: "damaged" for one


def spelt(words: str) -> list[str]:
    """Words that blanks part, as a list."""
    return words.split()


# English, Portuguese, German and Spanish; compared without case, accents and separators.
LABEL_WORDS: Words = {
    "damaged": spelt("""damaged damage defect defects defective bad broken nok ng fail failed faulty
        dented crushed danificado danificada danificados danificadas dano avariado avariada
        amassado amassada defeito defeituoso defeituosa com_defeito beschädigt beschaedigt
        beschädigte schaden defekt defekte kaputt schlecht n.i.O. dañado dañada dañados dañadas
        defecto defectuoso defectuosa roto malo"""),
    "intact": spelt("""intact undamaged ok good normal pass passed not_damaged no_damage non_damaged
        intacto intacta intactos intactas íntegro íntegra bom boa sem_defeito sem_dano perfeito
        não_danificado intakt intakte unbeschädigt unbeschaedigt heil gut i.O. in_Ordnung
        bueno buena sano sin_daño sin_defecto no_dañado"""),
}
CAMERA_WORDS: Words = {
    "top": spelt("""top top_view above overhead topo cima de_cima vista_de_cima superior
        vista_superior oben von_oben draufsicht arriba desde_arriba cenital"""),
    "side": spelt("""side side_view lateral vista_lateral lado de_lado seite seitlich von_der_Seite
        seitenansicht costado"""),
}
SPLIT_WORDS: Words = {
    "train": spelt("train training treino treinamento entrenamiento"),
    "val": spelt("val valid validation validação validación validierung"),
    "test": spelt("test testing teste prueba pruebas interpretabilidade"),
}


def normal(word: str) -> str:
    """A word without case, accents and separators: `Não-Danificado` is `naodanificado`."""
    apart = unicodedata.normalize("NFKD", word.strip().casefold())
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return re.sub(r"(?<=.)[\s_.\-]+", "", plain)


class Vocabulary:
    """What a source's words mean."""

    def __init__(self, labels: Words | None = None, cameras: Words | None = None) -> None:
        """Words of a source's own go before ours. Raises UserError for one with two meanings."""
        self._labels = _meanings("labels", LABELS, LABEL_WORDS, labels)
        self._cameras = _meanings("cameras", tuple(Perspective), CAMERA_WORDS, cameras)
        self._splits = _meanings("splits", tuple(Split), SPLIT_WORDS, None)

    def label(self, word: str) -> str | None:
        return self._labels.get(normal(word))

    def camera(self, word: str) -> str | None:
        return self._cameras.get(normal(word))

    def split(self, word: str) -> str | None:
        return self._splits.get(normal(word))

    def part(self, folders: Sequence[str]) -> str:
        """The split that a path's folders name, the innermost first; "" if none does."""
        named = [split for folder in folders if (split := self.split(folder))]
        return named[-1] if named else ""

    def ending(self, stem: str) -> tuple[str, str, str] | None:
        """Of `<rest>_<camera>` the rest, the camera's word and the camera."""
        pieces = stem.split("_")
        for count in (3, 2, 1):
            word = "_".join(pieces[-count:])
            if len(pieces) >= count and (camera := self.camera(word)):
                return "_".join(pieces[:-count]), word, camera
        return None


def _meanings(kind: str, names: Sequence[str], ours: Words, given: Words | None) -> dict[str, str]:
    own: dict[str, str] = {}
    for meaning in names:
        for word in (given or {}).get(meaning, ()):
            if own.setdefault(normal(word), str(meaning)) != meaning:
                raise UserError(
                    f"layout.{kind} says of {word!r} that it is {own[normal(word)]} and {meaning}; "
                    "give each word once."
                )
    known = {normal(word): meaning for meaning, words in ours.items() for word in words}
    return known | own
