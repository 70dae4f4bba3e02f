"""The whole way of the data, top to bottom: one chain of assets per agent.

trace store → spans → scored_spans → weighted_clusters → tail_yaml → tail_pr → cases, escalation. A body
fetches, calls the domain and says in metadata what it did; no decision is made here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from tail_pipeline.adapters import charts
from tail_pipeline.adapters.eval_files import load_rubric, parse_tail
from tail_pipeline.adapters.frame_spool import batches_of, frame_spool, last_versions
from tail_pipeline.adapters.history import load_history, parse_versions, trend_of
from tail_pipeline.defs import checks, previews
from tail_pipeline.defs.dry_run import DryRunConfig, dry_run
from tail_pipeline.defs.earlier_days import add_earlier_passing
from tail_pipeline.defs.escalation_asset import escalation_asset
from tail_pipeline.defs.failures import as_dagster_failures
from tail_pipeline.defs.partitions import Cell, asset_prefix, cell_of, partitions_of
from tail_pipeline.defs.promotion_asset import cases_asset
from tail_pipeline.defs.publishing import publish_proposal
from tail_pipeline.defs.records import TailProposal
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.defs.shared_tail import shared_assets
from tail_pipeline.defs.storage import FrameIOManager
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.background import BackgroundSample, SpanKey
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.collection import SpanCollector
from tail_pipeline.domain.model_drafts import draft_cases
from tail_pipeline.domain.novelty import Outcome
from tail_pipeline.domain.publication import target_branch
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.run_checks import undeclared
from tail_pipeline.domain.scoring import SCORED_COLUMNS
from tail_pipeline.domain.scoring_summary import how_scored, summarise
from tail_pipeline.domain.selection import is_failing, is_passing, require_selected_with, with_triggers
from tail_pipeline.domain.spans import SPAN_SCHEMA, SegmentFilter
from tail_pipeline.domain.tail_building import build_tail_file, complaints_of, count_week
from tail_pipeline.domain.tail_file import render
from tail_pipeline.domain.titling import with_model_titles
from tail_pipeline.domain.undecided import undecided_cases
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline.domain.weighted_clusters import (
    SPAN_COLUMNS,
    Cluster,
    ClusterPolicy,
    find_weighted_clusters,
    from_frame,
    to_frame,
)


def agent_assets(agent: Agent) -> list[dg.AssetsDefinition]:
    """The chain of one agent, keyed by its name.

    Each week is compared with the weeks before it, so the runs of one agent, or of one segment, must not overtake one
    another: ``run_order`` says how. Without segments all of it is also in one pool, limited to one run at a time.
    """
    prefix = asset_prefix(agent)
    pool = None if agent.segments else prefix

    chain_asset = partial(dg.asset, group_name=prefix, pool=pool, partitions_def=partitions_of(agent))

    def key(name: str) -> dg.AssetKey:
        return dg.AssetKey([prefix, name])

    @chain_asset(
        key=key("spans"),
        io_manager_key="frames",
        check_specs=checks.made_with("spans", agent),
        kinds={agent.traces.store, "polars"},
    )
    def spans(context: dg.AssetExecutionContext, checkout: Checkout) -> Iterator[dg.MaterializeResult[Any]]:
        """One row per unit of work of the window, and older units that were complained about in it."""
        cell = cell_of(context, agent)
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s), frame_spool(SPAN_SCHEMA) as spool:
            store = checkout.trace_store(agent, context.log.info)
            redactor = checkout.redactor(agent, cell.segment)
            collector = SpanCollector(
                store,
                cell.window,
                _filter(agent, cell),
                redactor,
                timedelta(days=agent.feedback_lookback_days),
            )
            store.check()
            context.log.info(f"reading {store.name} from {cell.window.start} to {cell.window.end}")
            frame, duplicates = last_versions(spool.write(_logged(context, collector.frames())))
            collector.require_readable(agent.max_bad_span_share)
            collected = collector.collected
            metadata: dict[str, Any] = previews.window_metadata(cell.window) | {
                "spans": collected.spans - duplicates,
                "late_feedback": collected.late_feedback,
                "duplicates": duplicates,
                "bad_spans": collected.bad,
                "bad_spans_named": previews.bad_spans(collected),
                "set_aside": previews.set_aside(collected),
                "store": store.name,
                "redacted": previews.redacted(redactor.taken),
            }
            results = [checks.bad_spans(agent, collected)]
            if agent.segments:
                declared = agent.segments.spellings
                seen = redactor.counts(store.count_by_segment(cell.window, agent.name, agent.segments.by), declared)
                metadata |= {
                    "spans_without_segment": seen.get(None, 0),
                    "undeclared_segments": previews.counts_table(agent.segments.by, undeclared(declared, seen)),
                }
                results.append(checks.undeclared_segments(agent.segments, seen))
                results.append(checks.segment_seen(agent.segments, cell.segment or "", seen))
            yield dg.MaterializeResult(value=frame, metadata=metadata, check_results=results)

    @chain_asset(
        key=key("scored_spans"),
        ins={"spans": dg.AssetIn(key("spans"))},
        io_manager_key="frames",
        check_specs=checks.made_with("scored_spans", agent),
        kinds={"polars"},
    )
    def scored_spans(
        context: dg.AssetExecutionContext, checkout: Checkout, spans: pl.LazyFrame
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Every span with its score, why it has none, and the triggers it hit under the rubric on main."""
        cell = cell_of(context, agent)
        path = agent.rubric_path(cell.segment)
        with (
            as_dagster_failures(retry_wait_s=checkout.retry_wait_s),
            frame_spool(SPAN_SCHEMA | SCORED_COLUMNS) as spool,
        ):
            rubric = load_rubric(checkout.repository(), path)
            budget = CallBudget(agent.max_judge_calls)
            with checkout.scorer(agent, cell, rubric, budget, context.log.info) as scorer:
                scored = scorer.scored(lambda: batches_of(spans))
                frame = spool.write(_logged(context, (with_triggers(batch, rubric) for batch in scored)))
            summary = summarise(frame, rubric)
            metadata: dict[str, Any] = previews.window_metadata(cell.window) | previews.scoring(summary)
            metadata |= {
                "scores": how_scored(rubric, summary),
                "judge_calls": budget.made,
                "rubric": f"{path} {rubric.sha}",
                "thresholds": f"score < {rubric.rubric_min_score}, faithfulness < {rubric.ragas_faithfulness}",
            }
            results = [checks.unscored_share(agent, rubric, summary), checks.judge_budget(agent, summary)]
            yield dg.MaterializeResult(value=frame, metadata=metadata, check_results=results)

    @chain_asset(
        key=key("weighted_clusters"),
        ins={"scored_spans": dg.AssetIn(key("scored_spans"))},
        io_manager_key="frames",
        check_specs=checks.made_with("weighted_clusters", agent),
        kinds={"scikitlearn", "polars"},
    )
    def weighted_clusters(
        context: dg.AssetExecutionContext,
        checkout: Checkout,
        frames: dg.ResourceParam[FrameIOManager],
        scored_spans: pl.LazyFrame,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Clusters of the failing spans: members, representative, weight, rank, and what history says of them."""
        cell = cell_of(context, agent)
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            repository = checkout.repository()
            rubric = load_rubric(repository, agent.rubric_path(cell.segment))
            require_selected_with(rubric, scored_spans)
            history = load_history(repository, agent, cell.segment, cell.day)
            failing = scored_spans.filter(is_failing()).select(SPAN_COLUMNS).collect(engine="streaming")
            background = BackgroundSample()
            for batch in batches_of(scored_spans.filter(is_passing()).select("input", "trace_id", "span_id")):
                background.add(batch)
            # Texts of cases that nobody redacted, and of earlier days, are compared in the form in which they would be mined today.
            redact = checkout.redactor(agent, cell.segment).text
            earlier_days = add_earlier_passing(background, frames, agent, cell, redact) if failing.height else []
            encoder = checkout.encoder(agent, cell)
            week = find_weighted_clusters(
                failing,
                background,
                [replace(case, texts=tuple(map(redact, case.texts))) for case in history.cases],
                encoder=encoder,
                rubric=rubric,
                policy=ClusterPolicy(agent.max_clusters, agent.min_cluster_size, agent.clustering),
                progress=context.log.info,
            )
            with checkout.kept_answers(agent, cell, rubric) as answers:
                titled = with_model_titles(week.clusters, answers)
            week = replace(week, clusters=titled.clusters)
            shown = [cluster for cluster in week.clusters if cluster.outcome is not Outcome.UNCLUSTERED]
            alone = sum(cluster.size for cluster in week.clusters) - sum(cluster.size for cluster in shown)
            titles = {cluster.rank: cluster.title for cluster in shown}
            metadata: dict[str, Any] = previews.window_metadata(cell.window) | {
                "failing": failing.height,
                "clusters": len(shown),
                **{outcome.value: week.count(outcome) for outcome in Outcome if outcome is not Outcome.UNCLUSTERED},
                "unclustered_spans": alone,
                "unclustered_share": round(alone / max(failing.height, 1), 4),
                "encoder": encoder.name,
                "cut_similarity": round(week.cut, 4),
                "background_texts": len(background.texts()),
                "background_from_earlier_days": background.from_earlier_days,
                "earlier_days_read": [day.key for day in earlier_days],
                "earlier_cases": len(history.cases),
                **previews.titles(titled),
                "preview": previews.clusters_table(shown),
                "map": previews.picture(charts.cluster_map(week.points, titles), "map of the week"),
            }
            results = [checks.unclustered_share(failing.height, alone), checks.cap_hit(agent, week)]
            yield dg.MaterializeResult(value=to_frame(week.clusters), metadata=metadata, check_results=results)

    @chain_asset(
        key=key("tail_yaml"),
        ins={
            "scored_spans": dg.AssetIn(key("scored_spans")),
            "weighted_clusters": dg.AssetIn(key("weighted_clusters")),
        },
        io_manager_key="records",
        check_specs=checks.made_with("tail_yaml", agent),
        kinds={"yaml"},
    )
    def tail_yaml(
        context: dg.AssetExecutionContext,
        config: DryRunConfig,
        checkout: Checkout,
        scored_spans: pl.LazyFrame,
        weighted_clusters: pl.LazyFrame,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """The text of the week's tail file, with an expected output and a dry run for each case, and the trend."""
        cell = cell_of(context, agent)
        path = agent.tail_path(cell.segment, cell.day.iso_week)
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            repository = checkout.repository()
            rubric = load_rubric(repository, agent.rubric_path(cell.segment))
            require_selected_with(rubric, scored_spans)
            branch = target_branch(repository, path, agent.cadence)
            clusters = from_frame(weighted_clusters.collect())
            proposed = [one for one in clusters if one.outcome is Outcome.PROPOSED]
            needed = {(row["trace_id"], row["span_id"]): row for row in _spans_of_drafts(proposed, scored_spans)}
            alone = _spans_alone(clusters, scored_spans)
            one_run_a_week = agent.cadence is not Cadence.DAILY
            with checkout.drafter(agent, cell, rubric) as drafter:
                drafts = draft_cases(proposed, needed, drafter)
            summary = summarise(scored_spans, rubric)
            file = build_tail_file(
                day=cell.day,
                window=cell.window,
                agent=agent.name,
                segment=cell.segment,
                rubric=rubric,
                counts=count_week(summary, clusters, max_clusters=agent.max_clusters),
                audit=summary.audit,
                clusters=clusters,
                drafts=drafts.cases,
                complaints=complaints_of(alone, None if one_run_a_week else cell.day.key),
                one_run_a_week=one_run_a_week,
                earlier_versions=parse_versions(branch, path),
            )
            # A step that is tried again goes on with what it has repeated already.
            fresh = config.fresh and context.retry_number == 0
            tried = dry_run(checkout, agent, cell, rubric, file, fresh=fresh, progress=context.log.info)
            file = tried.file
            text = render(file, schema_path=agent.schema_path(path))
            parse_tail(text, path)
            history = load_history(repository, agent, cell.segment, cell.day)
            trend, agreement = trend_of(file, history, agent.cadence), reviewer_agreement(history.merged)
            undecided = undecided_cases(history.merged)
            metadata: dict[str, Any] = previews.window_metadata(cell.window) | {
                "tail_file": path,
                **file.counts.model_dump(),
                **previews.drafts(drafts),
                **tried.metadata,
                "reviewers": agreement.sentence,
                "verdict": trend.verdict.value,
                "verdict_reason": trend.reason,
                "verdict_remark": trend.remark,
                "trend": previews.picture(charts.trend_chart(trend), "trend"),
                "preview": previews.file_preview(text),
            }
            yield dg.MaterializeResult(
                value=TailProposal(path, branch.name, branch.head, text, file, trend, agreement, undecided),
                metadata=metadata,
                check_results=tried.check_results,
            )

    @chain_asset(
        key=key("tail_pr"),
        ins={"tail_yaml": dg.AssetIn(key("tail_yaml"))},
        io_manager_key="records",
        kinds={"git"},
    )
    def tail_pr(
        context: dg.AssetExecutionContext, checkout: Checkout, tail_yaml: TailProposal
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """The pull request of the week; a reviewer's edits on its branch are kept."""
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            yield publish_proposal(context, checkout, agent, tail_yaml)

    chain = [spans, scored_spans, weighted_clusters, tail_yaml, tail_pr, cases_asset(agent), escalation_asset(agent)]
    return [*chain, *(shared_assets(agent) if agent.has_shared_tail else [])]


def _filter(agent: Agent, cell: Cell) -> SegmentFilter:
    if agent.segments is None or cell.segment is None:
        return SegmentFilter(agent.name)
    return SegmentFilter(agent.name, agent.segments.by, agent.segments.spellings_of(cell.segment))


def _logged(context: dg.AssetExecutionContext, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames, with a line of progress at 10,000 rows and at every doubling after."""
    rows, next_line = 0, 10_000
    for frame in frames:
        rows += frame.height
        if rows >= next_line:
            context.log.info(f"{rows} spans so far")
            next_line = rows * 2
        yield frame


def _spans_of_drafts(proposed: Sequence[Cluster], scored: pl.LazyFrame) -> list[dict[str, Any]]:
    """The rows that the expected outputs of the proposed cases are made from."""
    keys = {key for one in proposed for key in (one.representative, one.corrected_by, one.answered_by) if key}
    return _rows(
        keys,
        scored.select("trace_id", "span_id", "output", "contexts", "correction", "faithfulness", "criteria", "flags"),
    )


def _spans_alone(clusters: Sequence[Cluster], scored: pl.LazyFrame) -> list[dict[str, Any]]:
    """The rows of unclustered spans, without the long columns: a large week has many."""
    keys = {key for one in clusters if one.outcome is Outcome.UNCLUSTERED for key in one.members}
    columns = ("trace_id", "span_id", "input", "user_feedback", "start_time", "triggers")
    return _rows(keys, scored.select(columns))


def _rows(keys: Iterable[SpanKey], scored: pl.LazyFrame) -> list[dict[str, Any]]:
    wanted = pl.LazyFrame(sorted(keys), schema={"trace_id": pl.String, "span_id": pl.String}, orient="row")
    return scored.join(wanted, on=["trace_id", "span_id"], how="semi").collect(engine="streaming").to_dicts()
