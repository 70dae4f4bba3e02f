"""What somebody at a terminal reads while a week is mined."""

from __future__ import annotations

import pytest

from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.progress import PROGRESS_LOGGER
from tail_pipeline_tests.defs.pipeline import AGENT, WEEK, Pipeline


def test_what_is_tried_again_says_why(mining: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    job = build_definitions(mining.checkout, retry_wait_s=0).resolve_job_def(f"mine_{AGENT}")
    job.execute_in_process(
        partition_key=f"{WEEK}-1",
        instance=mining.instance,
        run_config={"loggers": {PROGRESS_LOGGER: {}}},
        raise_on_error=False,
    )
    told = [line for line in capsys.readouterr().err.splitlines() if line.endswith("trying again in 0 s")]
    assert ["no file matches" in line for line in told] == [True, True]
