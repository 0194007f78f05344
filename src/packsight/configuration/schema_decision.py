"""What a decision is asked for; its tree is that of configs/decision/<kind>.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from packsight.configuration.schema_values import (
    Config,
    NotNegative,
    Number,
    Positive,
    Switch,
    sentence,
)

OWN = {"promise": "promise", "fixed": "thresholds"}  # the section that one kind alone has
Portion = Annotated[Number, Field(gt=0, lt=1)]


class CostsConfig(Config):
    missed: Positive
    false_reject: Positive
    inspection: NotNegative | None


class PromiseConfig(Config):
    misses: Portion
    false_rejects: Portion | None
    inspections: Portion | None
    confidence: Portion


class ThresholdsConfig(Config):
    accept_below: NotNegative
    reject_from: NotNegative


class AlwaysInspectConfig(Config):
    not_located: Switch
    missing_camera: Switch
    unseen_score: Switch


class DecisionConfig(Config):
    """Of each kind the file says what it needs; what stands in no file of it is not there."""

    kind: Literal["costs", "promise", "fixed"]
    share: Portion
    costs: CostsConfig | None = None
    promise: PromiseConfig | None = None
    thresholds: ThresholdsConfig | None = None
    always_inspect: AlwaysInspectConfig

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, values: Any) -> Any:
        """A key of another kind would have no effect."""
        if isinstance(values, dict):
            for kind, section in OWN.items():
                if values.get(section) is not None and values.get("kind") != kind:
                    raise sentence(
                        f"decision.{section} is of decision={kind}, and "
                        f"decision={values.get('kind')} is chosen; add decision={kind}, or leave "
                        f"decision.{section} out."
                    )
        return values
