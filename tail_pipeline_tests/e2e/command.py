"""The command: as it is installed in a process of its own, or, for half the time, inside the process of the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from tail_pipeline.cli import main

COMMAND = Path(sys.executable).parent / "tail-pipeline"


def run_installed(*arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def run(*arguments: object, expect: int = 0) -> Result:
    """What the command printed, as ``stdout`` and ``stderr``; an error that is none of ours is raised."""
    done = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="tail-pipeline")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == expect, done.output
    return done
