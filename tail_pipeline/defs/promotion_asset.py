"""What reviewers promoted goes into the set of cases: one partition promotes the ISO week its mining day lies in."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from tail_pipeline.adapters.promoting import PromotedWeek, promote
from tail_pipeline.defs import checks
from tail_pipeline.defs.failures import PROMOTION_RETRIES, as_dagster_failures
from tail_pipeline.defs.partitions import asset_prefix, cell_of, mining_days_of, partitions_of
from tail_pipeline.defs.records import PromotionRecord
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent

CASES, SHARED_CASES = "cases", "shared_cases"


def cases_asset(agent: Agent) -> dg.AssetsDefinition:
    """The set of cases of one agent."""
    return _promoting(agent, CASES, "tail_pr", partitions_of(agent))


def shared_cases_asset(agent: Agent) -> dg.AssetsDefinition:
    """The set of cases that all tenants of an agent share, from their shared tail files."""
    return _promoting(agent, SHARED_CASES, "shared_tail_pr", mining_days_of(agent))


def _promoting(agent: Agent, name: str, after: str, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``name`` for what has a pull request ``after`` one of these ``days``.

    It reads only the repository, so it waits for no week that is being mined; its own pool keeps weeks that were
    merged together from racing for the end of one file.
    """
    prefix = asset_prefix(agent)

    @dg.asset(
        key=dg.AssetKey([prefix, name]),
        deps=[dg.AssetKey([prefix, after])],
        group_name=prefix,
        pool=f"{prefix}_{CASES}",
        partitions_def=days,
        io_manager_key="records",
        check_specs=checks.made_with(name, agent, days),
        kinds={"git"},
    )
    def cases(context: dg.AssetExecutionContext, checkout: Checkout) -> Iterator[dg.MaterializeResult[Any]]:
        """What of the week's merged tail file was promoted into the set that every new model has to pass."""
        cell = cell_of(context, agent)
        with as_dagster_failures(
            retry_wait_s=checkout.retry_wait_s, retries=PROMOTION_RETRIES, retry_number=context.retry_number
        ):
            weeks = promote(checkout.repository(), agent, cell.segment, [cell.day.iso_week])
            week = weeks[0] if weeks else None
            record = _record(week)
            metadata: dict[str, Any] = {
                "outcome": record.outcome,
                "promoted": list(record.ids),
                "undecided": list(record.undecided),
            }
            if week:
                metadata |= {
                    "tail_file": week.tail_path,
                    "cases_file": week.path,
                    "cases_before": week.cases_before,
                    "cases_after": week.cases_after,
                }
            if week and week.published:
                metadata["notes"] = list(week.published.notes)
            if record.url:
                metadata["url"] = dg.MetadataValue.url(record.url)
            yield dg.MaterializeResult(
                value=record, metadata=metadata, check_results=[checks.undecided_cases(record.undecided)]
            )

    return cases


def _record(week: PromotedWeek | None) -> PromotionRecord:
    if week is None:
        return PromotionRecord("the week's tail file is not on the base branch", (), ())
    if week.published is None:
        return PromotionRecord("nothing pending", (), week.undecided)
    return PromotionRecord(week.published.outcome.value, week.ids, week.undecided, week.published.url)
