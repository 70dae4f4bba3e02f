"""What a run shows in the UI: Markdown previews and pictures. Trace text is made inert here as everywhere."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from tail_pipeline.domain.collection import Collected
from tail_pipeline.domain.markdown import fenced, inline
from tail_pipeline.domain.model_drafts import Drafts
from tail_pipeline.domain.scoring_summary import ScoringSummary
from tail_pipeline.domain.shared_rewriting import RewrittenDay
from tail_pipeline.domain.titling import TitledClusters
from tail_pipeline.domain.weeks import Window
from tail_pipeline.domain.weighted_clusters import Cluster

_MAX_ROWS = 40


def window_metadata(window: Window) -> dict[str, Any]:
    return {
        "window_start": dg.MetadataValue.text(f"{window.start:%Y-%m-%d %H:%M} UTC"),
        "window_end": dg.MetadataValue.text(f"{window.end:%Y-%m-%d %H:%M} UTC, excluded"),
    }


def picture(png: bytes, name: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")


def bad_spans(collected: Collected) -> dg.MetadataValue:
    """Reasons with their counts, and the first rows by name."""
    if not collected.bad:
        return dg.MetadataValue.md("none")
    reasons = "\n".join(f"- {count} × {inline(reason)}" for reason, count in collected.reasons.most_common(_MAX_ROWS))
    named = "\n".join(f"- {inline(str(span))}" for span in collected.named)
    return dg.MetadataValue.md(f"{reasons}\n\nThe first {len(collected.named)}:\n\n{named}")


def set_aside(collected: Collected) -> dg.MetadataValue:
    """What was read and is no unit, by reason, with an example each."""
    found = [f"- {one.count} × {inline(one.reason)}: {inline(one.example)}" for one in collected.set_aside.values()]
    return dg.MetadataValue.md("\n".join(found) or "none")


def redacted(taken: Mapping[str, int] | None) -> dg.MetadataValue:
    """How many private values were taken out, by kind, or that none were because that is switched off."""
    if taken is None:
        return dg.MetadataValue.md("**off** (`redact: {enabled: false}`): private data is written as it was recorded")
    return counts_table("kind", dict(sorted(taken.items())), "values")


def counts_table(name: str, counts: Mapping[str, int], counted: str = "spans") -> dg.MetadataValue:
    if not counts:
        return dg.MetadataValue.md("none")
    rows = [f"| {inline(value)} | {count} |" for value, count in counts.items()]
    return dg.MetadataValue.md("\n".join([f"| {name} | {counted} |", "|---|---|", *rows]))


def scoring(summary: ScoringSummary) -> dict[str, Any]:
    """What scoring came to, count by count."""
    found: dict[str, Any] = {
        "spans": summary.spans,
        "failing": summary.failing,
        "failing_share": round(summary.failing / max(summary.spans, 1), 4),
        "unscored": summary.unscored,
        "unscored_reasons": counts_table("reason", summary.unscored_reasons),
        "triggers": counts_table("trigger", summary.triggers),
    }
    if summary.contents:
        found |= {
            "distinct_answers": summary.contents,
            "without_faithfulness": counts_table("reason", summary.faithfulness_reasons),
            "served_by": counts_table("model", summary.served_by),
            "flags": counts_table("flag", summary.flags),
        }
    if summary.audit:
        found["audit"] = summary.audit.sentence
    return found


def titles(found: TitledClusters) -> dict[str, Any]:
    """Which titles are a model's, and why the others are not."""
    return {
        "titles_by_model": found.by_model,
        "titles_not_given": _reasons(found.not_given),
        "title_calls": found.calls,
    }


def drafts(found: Drafts) -> dict[str, Any]:
    """Which expected outputs are a model's, and why cases have none."""
    return {
        "drafts_by_model": found.by_model,
        "not_drafted": _reasons(found.not_drafted),
        "draft_calls": found.calls,
    }


def shared_inputs(found: RewrittenDay) -> dict[str, Any]:
    """Which inputs of cross-tenant cases a model wrote, and why the others have none."""
    return {
        "inputs_by_model": found.by_model,
        "inputs_not_given": _reasons(found.not_given),
        "input_calls": found.calls,
    }


def _reasons(counts: Counter[str]) -> dg.MetadataValue:
    return dg.MetadataValue.md(
        "\n".join(f"- {n} × {inline(why)}" for why, n in counts.most_common(_MAX_ROWS)) or "none"
    )


def clusters_table(clusters: Sequence[Cluster]) -> dg.MetadataValue:
    """The clusters in rank order, without the spans that stood alone."""
    head = ["| rank | title | weight | spans | triggers | outcome | example |", "|---|---|---|---|---|---|---|"]
    rows = [
        f"| {cluster.rank} | {inline(cluster.title)} | {cluster.weight} | {cluster.size} "
        f"| {', '.join(f'{name} {count}' for name, count in cluster.triggers.items() if count)} "
        f"| {cluster.novelty or cluster.outcome.replace('_', ' ')} | {inline(cluster.text, 100)} |"
        for cluster in clusters[:_MAX_ROWS]
    ]
    more = [f"\n{len(clusters) - _MAX_ROWS} more."] if len(clusters) > _MAX_ROWS else []
    return dg.MetadataValue.md("\n".join([*head, *rows, *more]) if clusters else "no cluster")


def file_preview(text: str) -> dg.MetadataValue:
    limit = 12_000
    cut = f"\n… {len(text) - limit} more characters" if len(text) > limit else ""
    return dg.MetadataValue.md(fenced(text[:limit] + cut))
