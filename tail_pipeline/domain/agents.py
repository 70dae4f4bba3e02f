"""Where things are: the records of one ``agents.yaml``.

Each field is checked on its own by its type; ``cross_check`` finds what only shows when agents are seen together.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tail_pipeline.domain.checks import Share
from tail_pipeline.domain.clustering import Clustering
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.pull_request import branch_of
from tail_pipeline.domain.redaction import RedactConfig
from tail_pipeline.domain.rubric import MODEL_PATTERN, Rubric
from tail_pipeline.domain.segments import SEGMENT_PLACEHOLDER, Name, RelativeDir, SegmentBy, Segments
from tail_pipeline.domain.targets import MODEL_PRIMARY, ModelTarget, TargetField
from tail_pipeline.domain.traces import Traces, Unit
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, mining_days

Path = tuple[str | int, ...]
KNOWN_ENDPOINT = "openai"


def _iso_week(value: str) -> str:
    try:
        IsoWeek.parse(value)
    except Exception as error:
        raise ValueError(str(error)) from error
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LocalRepository(_Strict):
    """The git checkout itself; pull requests are branches with a Markdown body beside them."""

    provider: Literal["local"]
    base_branch: str = "main"


class GitHubApp(_Strict):
    """A GitHub App as the author of pull requests and issues."""

    id: Annotated[int, Field(ge=1)]
    private_key_env: str = Field(description="Environment variable that holds the App's private key, in PEM.")
    installation_id: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Absent: the App's installation on the repository."
    )


class GitHubHosted(_Strict):
    """A repository on GitHub or on GitHub Enterprise Server; a token or an App speaks for the pipeline."""

    provider: Literal["github"]
    name: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] = Field(description="owner/name")
    base_branch: str = "main"
    base_url: Annotated[str, Field(pattern=r"^https?://\S+$")] = Field(
        default="https://api.github.com", description="GitHub Enterprise Server: https://HOST/api/v3."
    )
    token_env: str = Field(default="GITHUB_TOKEN", description="Environment variable that holds the token.")
    app: GitHubApp | None = Field(default=None, description="In place of a token.")
    seconds_between_writes: Annotated[float, Field(ge=0, le=60, strict=False)] = Field(
        default=1.0,
        description="GitHub asks for one, kept by all runs of a checkout together; between reads is at most a tenth of a "
        "second. GHES often needs none.",
    )


RepositoryConfig = LocalRepository | GitHubHosted

JsonMode = Literal["json_schema", "tool", "prompt"]


class Endpoint(_Strict):
    """An OpenAI-compatible API."""

    base_url: str | None = None
    api_key_env: str
    json_mode: JsonMode = Field(
        default="json_schema",
        description="How the endpoint is held to JSON: response_format, a forced tool call, or the prompt alone.",
    )
    concurrency: Annotated[int, Field(ge=1, le=512)] = Field(default=32, description="Requests under way at once.")
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600, strict=False)] = Field(
        default=120, description="Seconds until a request counts as lost."
    )


class Embedding(_Strict):
    """A model behind one of the declared endpoints, as ``endpoint/model``."""

    model: Annotated[str, Field(pattern=MODEL_PATTERN)]


class EscalateOn(_Strict):
    """What raises an escalation beside a growing or capped tail."""

    labels: Annotated[list[Annotated[str, Field(pattern=r"^\S(.*\S)?$")]], Field(min_length=1)] = Field(
        description="A week that proposes a case with one of these labels escalates the same day."
    )


class Agent(_Strict):
    """One agent in production and the chain of assets that mines its tail."""

    name: Name
    eval_dir: RelativeDir = "eval"
    traces: Annotated[Traces, Field(discriminator="store")]
    unit: Unit = Field(
        default="turn", description="A turn of the agent, or each span of a node class, in a store of spans."
    )
    cadence: Annotated[Cadence, Field(strict=False)] = Cadence.WEEKLY
    start_week: Annotated[str, AfterValidator(_iso_week)] = "2024-W01"
    segments: Segments | None = None
    embedding: Embedding | None = Field(
        default=None, description="Absent: the built-in encoder, which needs no network."
    )
    clustering: Annotated[Clustering, Field(strict=False)] = Field(
        default=Clustering.AUTO, description="auto: linkage, and umap_hdbscan in weeks too large for it."
    )
    max_clusters: Annotated[int, Field(ge=1, le=200)] = 20
    min_cluster_size: Annotated[int, Field(ge=1, le=100)] = 2
    min_tenants: Annotated[int, Field(ge=2)] = Field(default=3, description="Tenants a cross-tenant case stands for.")
    max_bad_span_share: Share = Field(default=0.05, description="Share of unreadable rows above which the run fails.")
    feedback_lookback_days: Annotated[int, Field(ge=0, le=366)] = Field(
        default=30, description="How old an answer may be that this window's feedback brings back."
    )
    max_unscored_share: Share = Field(
        default=0.2, description="Share of the answers that the judge could not score above which the run fails."
    )
    max_judge_calls: Annotated[int, Field(ge=0)] = Field(
        default=20_000, description="Calls to the judge in one run, retries counted; a hard stop."
    )
    open_empty_pr: bool = Field(default=True, description="Open a pull request for a week without a single case.")
    reviewers: list[str] = Field(default_factory=list)
    owner: str | None = Field(default=None, description="Who is paged when the tail grows.")
    scoping_call_url: Annotated[str, Field(pattern=r"^https?://[^\s<>]+$")] | None = None
    escalate_on: EscalateOn | None = None
    redact: RedactConfig = Field(
        default_factory=RedactConfig, description="Private data, taken out before anything is written."
    )
    target: TargetField | None = Field(
        default=None, description="The agent as it is now, which every mined case is tried on. Absent: no dry run."
    )

    @property
    def segment_names(self) -> list[str | None]:
        """Declared segments in order; ``[None]`` for an agent without any."""
        return list(self.segments.values) if self.segments else [None]

    @property
    def has_shared_tail(self) -> bool:
        """Whether there is a file of what at least ``min_tenants`` of them ask."""
        return self.tenants_share_a_directory and len(self.segment_names) >= self.min_tenants

    @property
    def tenants_share_a_directory(self) -> bool:
        """Whether the file that tenants share is theirs, also while they are too few for one."""
        return self.segments is not None and self.segments.by is SegmentBy.TENANT and not self.segments.eval_dir

    @property
    def tails(self) -> list[str | None]:
        """Whose tail files there are: the segments', and with None the shared ones."""
        return [*self.segment_names, None] if self.has_shared_tail else self.segment_names

    @property
    def first_mining_day(self) -> MiningDay:
        """The first mining day in or after ``start_week``."""
        week = IsoWeek.parse(self.start_week)
        while not (days := mining_days(week, self.cadence)):
            week = week.shifted(1)
        return days[0]

    @property
    def escalating_labels(self) -> frozenset[str]:
        return frozenset(self.escalate_on.labels if self.escalate_on else ())

    def eval_dir_of(self, segment: str | None) -> str:
        """Directory with the rubric and the cases that govern this segment."""
        if segment and self.segments and self.segments.eval_dir:
            return self.segments.eval_dir.replace(SEGMENT_PLACEHOLDER, segment)
        return self.eval_dir

    def tail_dir_of(self, segment: str | None) -> str:
        """Directory of the segment's tail files; no two segments share one."""
        if segment and not (self.segments and self.segments.eval_dir):
            return f"{self.eval_dir}/tail/{segment}"
        return f"{self.eval_dir_of(segment)}/tail"

    def tail_path(self, segment: str | None, week: IsoWeek) -> str:
        return f"{self.tail_dir_of(segment)}/{week}.yaml"

    def schema_path(self, tail_path: str) -> str:
        """Where the JSON schema of tail files lies, seen from a tail file."""
        return posixpath.relpath(f"{self.eval_dir}/tail.schema.json", posixpath.dirname(tail_path))

    def cases_schema_path(self, cases_path: str) -> str:
        """Where the JSON schema of cases files lies, seen from one of them."""
        return posixpath.relpath(f"{self.eval_dir}/cases.schema.json", posixpath.dirname(cases_path))

    def cases_path(self, segment: str | None) -> str:
        return f"{self.eval_dir_of(segment)}/cases.yaml"

    def own_cases_path(self, segment: str | None) -> str:
        """The file that promoted cases of the segment go to, which is nobody else's."""
        if segment is None or self.eval_dir_of(segment) != self.eval_dir:
            return self.cases_path(segment)
        return f"{self.eval_dir}/cases/{segment}.yaml"

    def removed_cases_path(self, segment: str | None) -> str:
        return f"{self.eval_dir_of(segment)}/cases_removed.yaml"

    def rubric_path(self, segment: str | None) -> str:
        return f"{self.eval_dir_of(segment)}/rubric.yaml"


class AgentsConfig(_Strict):
    """The whole of ``agents.yaml``."""

    repository: Annotated[RepositoryConfig, Field(discriminator="provider")]
    models: dict[str, Endpoint] = Field(default_factory=dict)
    agents: Annotated[list[Agent], Field(min_length=1)]

    @property
    def endpoint_names(self) -> list[str]:
        """The endpoints a model may name, sorted."""
        return sorted({KNOWN_ENDPOINT, *self.models})

    def endpoint(self, model: str) -> Endpoint:
        """The endpoint that ``endpoint/model`` names; raises PermanentError when it is not declared."""
        name = model.partition("/")[0]
        if name not in self.endpoint_names:
            raise PermanentError(self.unknown_endpoint(model))
        return self.models.get(name) or Endpoint(api_key_env="OPENAI_API_KEY")

    def unknown_endpoint(self, model: str) -> str:
        name = model.partition("/")[0]
        return (
            f"unknown endpoint '{name}'; under models: in eval/agents.yaml there are {', '.join(self.endpoint_names)}"
        )

    def agent(self, name: str) -> Agent | None:
        return next((agent for agent in self.agents if agent.name == name), None)


def cross_check(config: AgentsConfig) -> Iterator[tuple[Path, str]]:
    """What is wrong between agents, as (where in the file, message)."""
    names: dict[str, str] = {}
    tail_dirs: dict[str, str] = {}
    branches: dict[str, str] = {}
    for index, agent in enumerate(config.agents):
        here: Path = ("agents", index)
        if (other := names.get(agent.name.replace("-", "_"))) is not None:
            yield (*here, "name"), f"duplicate agent '{agent.name}': '{other}' has the same name in Dagster"
        names[agent.name.replace("-", "_")] = agent.name
        if agent.segments and agent.segments.eval_dir and SEGMENT_PLACEHOLDER not in agent.segments.eval_dir:
            yield (*here, "segments", "eval_dir"), f"must contain {SEGMENT_PLACEHOLDER}, or all segments would share it"
            continue
        for segment in [*agent.segment_names, None] if agent.tenants_share_a_directory else agent.segment_names:
            tail_dir = agent.tail_dir_of(segment)
            if (other := tail_dirs.setdefault(tail_dir, agent.name)) != agent.name:
                yield (
                    (*here, "eval_dir"),
                    f"'{agent.name}' and '{other}' would both write {tail_dir}/; give one another eval_dir",
                )
                continue
            branch = posixpath.dirname(branch_of(f"{tail_dir}/week.yaml"))
            if (other := branches.setdefault(branch, agent.name)) != agent.name:
                message = (
                    f"'{agent.name}' and '{other}' would share the branch {branch}/<week>; give one another eval_dir"
                )
                yield (*here, "eval_dir"), message
        if agent.unit == "node" and not (agent.segments and agent.segments.by is SegmentBy.NODE_CLASS):
            yield (
                (*here, "unit"),
                "unit: node needs segments: {by: node_class, values: [...]}: the node classes to mine",
            )
        for key, model in _named_models(agent):
            if model.partition("/")[0] not in config.endpoint_names:
                yield (*here, key, "model"), config.unknown_endpoint(model)


def cross_check_rubrics(config: AgentsConfig, rubrics: Mapping[str, Rubric]) -> Iterator[tuple[Path, str]]:
    """What is wrong between agents and the rubrics at these paths, as (where in ``agents.yaml``, message)."""
    for index, agent in enumerate(config.agents):
        if not isinstance(agent.target, ModelTarget) or agent.target.model != MODEL_PRIMARY:
            continue
        for path in sorted({agent.rubric_path(segment) for segment in agent.segment_names} & rubrics.keys()):
            model = rubrics[path].model_primary
            if model is None:
                message = f"and {path} names none; set it there, or write endpoint/model here"
            elif model.partition("/")[0] not in config.endpoint_names:
                message = f"which {path} names as {model}: {config.unknown_endpoint(model)}"
            else:
                continue
            yield ("agents", index, "target", "model"), f"is {MODEL_PRIMARY}, {message}"


def _named_models(agent: Agent) -> Iterator[tuple[str, str]]:
    """The key of the agent and the ``endpoint/model`` under it, for each model that the file itself names."""
    if agent.embedding:
        yield "embedding", agent.embedding.model
    if isinstance(agent.target, ModelTarget) and agent.target.model != MODEL_PRIMARY:
        yield "target", agent.target.model
