"""One code location from one checkout, the same for all callers: what every agent has, from assets and checks to sensors."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from tail_pipeline.adapters.eval_files import load_configuration
from tail_pipeline.defs.assets import agent_assets
from tail_pipeline.defs.automation import agent_automation
from tail_pipeline.defs.checks import published_file_check
from tail_pipeline.defs.deadline import deadline_automation
from tail_pipeline.defs.progress import PROGRESS_LOGGER, progress_logger
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.defs.storage import FrameIOManager, RecordIOManager, storage_base


def build_definitions(repo_dir: Path, *, retry_wait_s: float = 30) -> dg.Definitions:
    """Definitions for the checkout in ``repo_dir``; raises InvalidFile, with all findings, before anything exists.

    Frames go to ``TAIL_PIPELINE_STORAGE`` (a directory or an object-store URL), by default into the checkout's
    ``.tail/frames``. The steps of a run are a chain, so they share one process; runs are what goes in parallel.
    """
    config = load_configuration(repo_dir)
    storage = storage_base(repo_dir)
    chains = dg.Definitions(
        assets=[asset for agent in config.agents for asset in agent_assets(agent)],
        asset_checks=[published_file_check(agent) for agent in config.agents],
        resources={
            "checkout": Checkout(repo_dir=str(repo_dir), retry_wait_s=retry_wait_s),
            "frames": FrameIOManager(storage),
            "records": RecordIOManager(storage),
        },
        loggers={"console": dg.colored_console_logger, PROGRESS_LOGGER: progress_logger},
        executor=dg.in_process_executor,
    )
    calendars = [agent_automation(agent) for agent in config.agents]
    return dg.Definitions.merge(chains, *calendars, deadline_automation(config.agents))
