"""``tail-pipeline validate``: the files under the eval directories, as they are and against the base branch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tail_pipeline.commands.options import print_json, repo_and_json


@click.command()
@repo_and_json
@click.option(
    "--review",
    is_flag=True,
    help="The check on a tail pull request: also fail on undecided cases in tail files that differ from the base branch.",
)
def validate(repo: Path, as_json: bool, review: bool) -> None:
    """Check every file under the eval directories of the work tree, and that nothing of the base branch disappeared.

    Says which partitions appear, become orphaned or get other keys by what differs in eval/agents.yaml.

    The base branch is origin's as this clone has it, else the local one; without either nothing is compared, and
    --review takes every tail file for one under review.
    """
    from tail_pipeline.adapters.base_comparison import compare_with_base
    from tail_pipeline.adapters.eval_files import check_eval_files
    from tail_pipeline.adapters.partition_findings import partition_findings

    found = check_eval_files(repo)
    partitions = partition_findings(repo)
    compared = compare_with_base(repo, review=review)
    errors = sorted([*found.errors, *compared.errors], key=lambda one: (one.file, one.line))
    to_decide = [one for one in found.undecided if review and compared.is_under_review(one.file)]
    notes = [*compared.notes, *found.notes]
    if as_json:
        findings = {
            "errors": errors,
            "to_decide": to_decide,
            "undecided": found.undecided,
            "outdated": found.outdated,
        }
        rows = {kind: [vars(one) for one in ones] for kind, ones in findings.items()}
        rows["partitions"] = [vars(one) for one in partitions]
        print_json(rows | {"rubric_shas": found.rubric_shas, "notes": notes})
    else:
        for finding in [*errors, *to_decide]:
            click.echo(f"error: {finding}")
        for finding in [*(one for one in found.undecided if one not in to_decide), *found.outdated]:
            click.echo(f"warning: {finding}")
        for change in partitions:
            click.echo(f"{'note' if change.kind == 'appears' else 'warning'}: {change}")
        for path, sha in sorted(found.rubric_shas.items()):
            click.echo(f"{path}: sha {sha}")
        for note in notes:
            click.echo(note)
        click.echo(f"{len(errors)} errors, {len(found.undecided)} undecided, {len(found.outdated)} outdated")
        if to_decide:
            cases = "1 case" if len(to_decide) == 1 else f"{len(to_decide)} cases"
            click.echo(f"the review fails: {cases} to decide or complete")
    sys.exit(1 if errors or to_decide else 0)
