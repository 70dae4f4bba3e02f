"""What good means: the thresholds, criteria and cost weights of one ``rubric.yaml``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from tail_pipeline.domain.checks import Check, Share
from tail_pipeline.domain.judge_prompts import RUBRIC_INSTRUCTIONS, STATEMENTS_INSTRUCTIONS, VERDICTS_INSTRUCTIONS

MODEL_PATTERN = r"^[a-z0-9][a-z0-9_-]*/\S+$"
"""``endpoint/model``: the part before the slash names an endpoint of agents.yaml."""
CostWeight = Annotated[int, Field(strict=True, ge=1, le=1000)]


class Criterion(BaseModel):
    """One thing an answer is judged on, by a model (``judge``) or by code (``check``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    floor: Share | None = Field(default=None, description="A score below it fails the span whatever the mean.")
    judge: str | None = Field(default=None, description="What a model is asked to rate, in one sentence.")
    check: Check | None = Field(default=None, description="What code decides, without a model.")

    @model_validator(mode="after")
    def _one_way_to_decide(self) -> Criterion:
        if (self.judge is None) == (self.check is None):
            raise ValueError("needs either 'judge' or 'check', and not both")
        return self

    @field_serializer("check")
    def _check_as_written(self, check: Check | None) -> dict[str, Any] | None:
        """Without the kinds of check it is not, so that a new kind changes no rubric's fingerprint."""
        return check.model_dump(exclude_unset=True) if check else None


class Rubric(BaseModel):
    """The one place for thresholds: the weekly tail and the model gate both read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_primary: str | None = Field(
        default=None, pattern=MODEL_PATTERN, description="The model in production, as endpoint/model."
    )
    judge_model: str | None = Field(
        default=None,
        pattern=MODEL_PATTERN,
        description="Scores the spans, as endpoint/model. Absent: recorded scores are used as they are.",
    )
    judge_sd: Share | None = Field(
        default=None,
        description="Standard deviation of one score of the judge, from calibrate; near the threshold it is asked again.",
    )
    rubric_min_score: Share
    ragas_faithfulness: Share
    per_case_regression: Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)] = Field(
        default=3, description="Points of 100 a case may lose when model_primary changes."
    )
    criteria: list[Criterion] = Field(default_factory=list)
    cost_weights: dict[str, CostWeight] = Field(
        default_factory=lambda: {"regulatory": 10, "safety": 10},
        description="How much heavier than an ordinary span a span with this label weighs.",
    )

    @field_validator("criteria")
    @classmethod
    def _make_a_mean(cls, criteria: list[Criterion]) -> list[Criterion]:
        names = [criterion.name for criterion in criteria]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"criteria named twice: {', '.join(repeated)}")
        if criteria and not any(criterion.weight for criterion in criteria):
            raise ValueError("the weights of the criteria sum to zero")
        return criteria

    @model_validator(mode="after")
    def _judge_has_work(self) -> Rubric:
        if self.judge_model and not self.criteria:
            raise ValueError("judge_model has nothing to judge: criteria is missing")
        return self

    @property
    def sha(self) -> str:
        """Fingerprint of what decides a score: criteria, judge and its prompts, not thresholds, weights of cost or comments.

        Moving a threshold therefore re-selects without re-scoring.
        """
        decides: dict[str, Any] = {"judge_model": self.judge_model, "criteria": [c.model_dump() for c in self.criteria]}
        if self.judge_model:
            decides["prompts"] = [RUBRIC_INSTRUCTIONS, STATEMENTS_INSTRUCTIONS, VERDICTS_INSTRUCTIONS]
        canonical = json.dumps(decides, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def cost_weight(self, labels: Iterable[str]) -> int:
        """The largest cost weight among the labels; 1 when none has one."""
        return max((self.cost_weights.get(label, 1) for label in labels), default=1)
