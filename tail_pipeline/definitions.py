"""Assembles the code location of one checkout; computes nothing.

The checkout is the one ``TAIL_PIPELINE_REPO`` names, by default the working directory.
"""

from __future__ import annotations

import os
from pathlib import Path

from tail_pipeline.defs.build import build_definitions

REPO_ENV = "TAIL_PIPELINE_REPO"

defs = build_definitions(Path(os.environ.get(REPO_ENV) or ".").resolve())
