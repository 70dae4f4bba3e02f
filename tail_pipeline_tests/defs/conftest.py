from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline_tests.defs.pipeline import Pipeline, configure, pipeline


@pytest.fixture
def mining(checkout: Path) -> Iterator[Pipeline]:
    """The example's checkout, pointed at the traces a test writes."""
    configure(checkout)
    with pipeline(checkout) as running:
        yield running
