"""The file that tenants share: cross-tenant cases from the clusters of all tenants of one mining day, and its pull request.

It starts from the tenants' ``weighted_clusters`` and never from their spans, and is made of those that are there: whose
are missing is named in the metadata, and the next run takes them in.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from tail_pipeline.adapters.eval_files import load_rubric, parse_tail
from tail_pipeline.adapters.history import load_history, parse_versions
from tail_pipeline.defs import checks, previews
from tail_pipeline.defs.cells import shared_pr_key
from tail_pipeline.defs.dry_run import DryRunConfig, dry_run
from tail_pipeline.defs.failures import as_dagster_failures
from tail_pipeline.defs.partitions import WEEK_DIMENSION, asset_prefix, cell_of, mining_days_of, parse_partition_key
from tail_pipeline.defs.promotion_asset import shared_cases_asset
from tail_pipeline.defs.publishing import publish_proposal
from tail_pipeline.defs.records import TailProposal
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.cross_tenant_clusters import find_cross_tenant_clusters
from tail_pipeline.domain.novelty import Outcome
from tail_pipeline.domain.publication import target_branch
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.shared_rewriting import with_model_inputs
from tail_pipeline.domain.shared_tail_file import build_shared_tail_file
from tail_pipeline.domain.tail_file import SharedBy, render
from tail_pipeline.domain.undecided import undecided_cases
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline.domain.weighted_clusters import from_frame

SHARED_TAIL = "shared_tail"


def shared_assets(agent: Agent) -> list[dg.AssetsDefinition]:
    """``shared_tail``, ``shared_tail_pr`` and ``shared_cases`` of an agent with a shared tail, partitioned by mining day alone.

    They are in a pool of their own: one day is compared with the days before it, and no tenant waits for that.
    """
    assert agent.segments is not None, "only tenants share a tail"
    prefix, segments = asset_prefix(agent), agent.segments
    days = mining_days_of(agent)

    @dg.asset(
        key=dg.AssetKey([prefix, SHARED_TAIL]),
        ins={
            "weighted_clusters": dg.AssetIn(
                dg.AssetKey([prefix, "weighted_clusters"]),
                partition_mapping=_all_tenants_of_the_day(),
                metadata={"allow_missing_partitions": True},
            )
        },
        group_name=prefix,
        pool=f"{prefix}_shared",
        partitions_def=days,
        io_manager_key="records",
        check_specs=checks.made_with(SHARED_TAIL, agent, days),
        kinds={"yaml"},
    )
    def shared_tail(
        context: dg.AssetExecutionContext,
        config: DryRunConfig,
        checkout: Checkout,
        weighted_clusters: dict[str, pl.LazyFrame],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """The text of the week's shared file: what at least ``min_tenants`` tenants ask, without a word of one of them."""
        cell = cell_of(context, agent)
        path = agent.tail_path(None, cell.day.iso_week)
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            repository = checkout.repository()
            rubric = load_rubric(repository, agent.rubric_path(None))
            history = load_history(repository, agent, None, cell.day)
            tails = {parse_partition_key(key)[1] or "": frame for key, frame in weighted_clusters.items()}
            declared = {name: (name, *segments.spellings_of(name)) for name in segments.values}
            found = find_cross_tenant_clusters(
                {tenant: from_frame(frame.collect()) for tenant, frame in tails.items()},
                declared,
                history.cases,
                encoder=checkout.encoder(agent, cell),
                rubric=rubric,
                min_tenants=agent.min_tenants,
                max_clusters=agent.max_clusters,
                progress=context.log.info,
            )
            with checkout.kept_answers(agent, cell, rubric) as answers:
                written = with_model_inputs(found, answers)
            branch = target_branch(repository, path, agent.cadence)
            file = build_shared_tail_file(
                day=cell.day,
                window=cell.window,
                agent=agent.name,
                rubric=rubric,
                shared_by=SharedBy(min_tenants=agent.min_tenants, declared=len(declared), mined=len(tails)),
                clusters=written.clusters,
                spans=found.spans,
                alone=found.alone,
                max_clusters=agent.max_clusters,
                one_run_a_week=agent.cadence is not Cadence.DAILY,
                earlier_versions=parse_versions(branch, path),
            )
            fresh = config.fresh and context.retry_number == 0
            tried = dry_run(checkout, agent, cell, rubric, file, fresh=fresh, progress=context.log.info)
            file = tried.file
            text = render(file, schema_path=agent.schema_path(path))
            parse_tail(text, path)
            metadata: dict[str, Any] = previews.window_metadata(cell.window) | {
                "tail_file": path,
                "tenants": len(declared),
                "tenants_mined": len(tails),
                "tenants_not_mined": [tenant for tenant in declared if tenant not in tails],
                "min_tenants": agent.min_tenants,
                "failing": found.spans,
                "clusters": len(found.clusters),
                **{outcome.value: found.count(outcome) for outcome in Outcome if outcome is not Outcome.UNCLUSTERED},
                "spans_in_no_cross_tenant_cluster": found.alone,
                "cut_similarity": round(found.cut, 4),
                **previews.shared_inputs(written),
                **tried.metadata,
                "preview": previews.file_preview(text),
            }
            agreement, undecided = reviewer_agreement(history.merged), undecided_cases(history.merged)
            yield dg.MaterializeResult(
                value=TailProposal(path, branch.name, branch.head, text, file, None, agreement, undecided),
                metadata=metadata,
                check_results=tried.check_results,
            )

    @dg.asset(
        key=shared_pr_key(agent),
        ins={SHARED_TAIL: dg.AssetIn(dg.AssetKey([prefix, SHARED_TAIL]))},
        group_name=prefix,
        pool=f"{prefix}_shared",
        partitions_def=days,
        io_manager_key="records",
        kinds={"git"},
    )
    def shared_tail_pr(
        context: dg.AssetExecutionContext, checkout: Checkout, shared_tail: TailProposal
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """The pull request of the week's shared file; a week without a cross-tenant case has none."""
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            yield publish_proposal(context, checkout, agent, shared_tail)

    return [shared_tail, shared_tail_pr, shared_cases_asset(agent)]


def _all_tenants_of_the_day() -> dg.PartitionMapping:
    """Every segment's partition of the same mining day."""
    with warnings.catch_warnings():
        # Beta in this Dagster; without it the input would be the partition of the same key, which there is not.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=WEEK_DIMENSION)
