"""A decision on two cameras that inspects between 0.3 and 0.7, to be changed with `replace`."""

from packsight.decision.calibration import Calibration, Method
from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision
from packsight.decision.terms import Kind
from packsight.domain import Fusion

BAND = Decision(
    kind=Kind.FIXED,
    runs={"top": ("t",), "side": ("s",)},
    cameras=("top", "side"),
    fusion=LateFusion(Fusion.MEAN),
    calibration=Calibration(Method.PLATT, 0.5),
    share=0.1,
    accept_below=0.3,
    reject_from=0.7,
    seen=(0.01, 0.99),
    packages={"intact": 50, "damaged": 50},
)
