"""What speaks for damaged, for people to look at: spots of one hue on the grey picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from packsight.domain import THRESHOLD
from packsight.explanation.attribution import Attribution

# Of the shorter side: the standard deviation of a spot. Of 43 rendered packages that four networks
# found damaged, the highest spot lies in the damage's box in 51 % (raw map 26 %; 0.0225: 37 %;
# 0.075: 49 %), and 26 % of the colour does (raw 20 %), in 4 spots a map (raw 24; 0.0225: 7).
# On exact masks, 5 % of the area, the highest spot lies in 9 to 12 % from raw to 0.045, in 5 % at
# 0.06. Smoothing only what speaks for damaged, without what speaks against, gave 35 % at most.
SPOT = 0.045
PERCENTILE = 99.5  # of a map's own spots: full colour
FLOOR = 0.5  # logits: a spot that adds less never has full colour
HUE = (222, 60, 0)  # RGB
OPACITY = 0.85  # of full colour
FAINT = 0.15  # of full colour: what is weaker leaves the picture as it is


@dataclass(frozen=True)
class Heat:
    """A map [H, W] of spots: what each one's surroundings add to the score of damaged.

    In logits, where the method's maps add up to the score.
    """

    spots: np.ndarray  # float32 [H, W], 0 and more
    full: float  # what has full colour
    shade: float  # of full colour, that anything has at most
    in_logits: bool

    @property
    def scale(self) -> str:
        """The scale in a few words."""
        unit = " logits a spot" if self.in_logits else ""
        faded = f", faded to {self.shade:.0%}" if self.shade < 1 else ""
        return f"full colour {self.full:.2g}{unit}{faded}"

    def over(self, image: np.ndarray) -> np.ndarray:
        """An RGB image in grey, of any size, under the spots; RGB uint8."""
        height, width = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        grown = cv2.resize(self.spots, (width, height), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(grown / self.full, 1) * self.shade
        strength = np.clip((share - FAINT) / (1 - FAINT), 0, 1)[..., None]
        return np.rint(grey + OPACITY * strength * (np.array(HUE) - grey)).astype(np.uint8)


def heat(attribution: Attribution, probability: float) -> Heat:
    """The spots of a map, on a scale that makes no find of what the model does not call damaged.

    Full colour is the map's own upper percentile, but never less than `FLOOR`; where the
    probability of damaged is below the threshold all is faded by as much.
    """
    values = attribution.map.numpy().astype(np.float32)
    spread = SPOT * min(values.shape)
    # Signed, so that what speaks against beside it takes away the speckle.
    spots = cv2.GaussianBlur(values, (0, 0), spread).clip(min=0)
    in_logits = not np.isnan(attribution.baseline_score)
    if in_logits:
        spots *= 2 * np.pi * spread**2
    full = max(float(np.percentile(spots, PERCENTILE)), FLOOR if in_logits else 1e-12)
    return Heat(spots, full, min(1.0, probability / THRESHOLD), in_logits)
