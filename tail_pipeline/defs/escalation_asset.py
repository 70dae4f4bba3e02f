"""The last asset of the chain: the page to the engagement owner, for the weeks that need one."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from tail_pipeline.adapters import charts
from tail_pipeline.adapters.history import load_week
from tail_pipeline.defs import previews
from tail_pipeline.defs.cells import escalation_key
from tail_pipeline.defs.failures import ESCALATION_RETRIES, as_dagster_failures
from tail_pipeline.defs.partitions import asset_prefix, cell_of, partitions_of
from tail_pipeline.defs.records import EscalationRecord
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.paging import page_owner
from tail_pipeline.domain.ports import Published


class EscalationConfig(dg.Config):
    """Whether a week that escalates may page somebody; a backfill of old weeks only records."""

    page: bool = False


def escalation_asset(agent: Agent) -> dg.AssetsDefinition:
    """The escalation of one agent.

    It is in no pool: it reads only the repository, so while it waits to try again the weeks go on being mined.
    """
    prefix = asset_prefix(agent)

    @dg.asset(
        key=escalation_key(agent),
        deps=[dg.AssetKey([prefix, "tail_pr"])],
        group_name=prefix,
        partitions_def=partitions_of(agent),
        io_manager_key="records",
        kinds={"git"},
    )
    def escalation(
        context: dg.AssetExecutionContext, checkout: Checkout, config: EscalationConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """The page to the engagement owner for a week that is growing, capped or proposes a case that must not wait.

        The trend is that of the repository as it is now: weeks before this one may have been mined after it.
        """
        cell = cell_of(context, agent)
        with as_dagster_failures(
            retry_wait_s=checkout.retry_wait_s, retries=ESCALATION_RETRIES, retry_number=context.retry_number
        ):
            repository = checkout.repository()
            week = load_week(repository, agent, cell.segment, cell.day.iso_week)
            reasons, trend = week.reasons(agent), week.trend
            notes: tuple[str, ...] = ()
            url, outcome = None, "not needed"
            if reasons and not config.page:
                outcome = "recorded only: this run may not page"
            elif raised := page_owner(repository, agent, cell.segment, week):
                url, notes = raised.url, raised.notes
                outcome = Published.CREATED if raised.created else Published.UNCHANGED
            for note in notes:
                context.log.warning(note)
            metadata: dict[str, Any] = {
                "verdict": trend.verdict.value,
                "reason": trend.reason,
                "remark": trend.remark,
                "escalates_for": [reason.short for reason in reasons],
                "outcome": str(outcome),
                "notes": list(notes),
                "trend": previews.picture(charts.trend_chart(trend), "trend"),
            }
            if url:
                metadata["url"] = dg.MetadataValue.url(url)
            record = EscalationRecord(trend.verdict, tuple(reason.short for reason in reasons), url)
            yield dg.MaterializeResult(value=record, metadata=metadata)

    return escalation
