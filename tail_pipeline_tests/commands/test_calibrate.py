"""``tail-pipeline calibrate`` as people run it: labels of a file or of reviewers, checks or a model as the judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from tail_pipeline.cli import main
from tail_pipeline_tests.adapters.eval_texts import case, tail_text
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.model_server import KEY, KEY_ENV, ModelServer, error_reply, rubric_judge
from tail_pipeline_tests.scripted_judge import grade, tagged

SHORT = {"name": "short", "weight": 1.0, "check": {"max_length": 4}}
POLICY = {"name": "policy", "weight": 1.0, "judge": "Follows the policy."}
ANSWERS = [
    {"input": "q", "output": "fine", "human_fail": False},
    {"input": "q", "output": "good", "human_fail": False},
    {"input": "q", "output": "far too long", "human_fail": True},
    {"input": "q", "output": "too long, but liked", "human_fail": False},
]
JUDGED = [{"input": "q", "output": f"policy=0.{n} it says", "human_fail": n < 5} for n in range(1, 10)]


def write_rubric(checkout: Path, *criteria: dict[str, Any], **fields: Any) -> None:
    rubric = {"rubric_min_score": 0.6, "ragas_faithfulness": 0.7, "criteria": list(criteria)} | fields
    (checkout / "eval/rubric.yaml").write_text(yaml.safe_dump(rubric))
    commit_all(checkout, "A rubric")


def labels(directory: Path, rows: list[dict[str, Any]]) -> Path:
    path = directory / "labels.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def run(checkout: Path, *arguments: object, expect: int = 0) -> Result:
    done = CliRunner().invoke(main, ["calibrate", "--repo", str(checkout), *map(str, arguments)])
    assert done.exit_code == expect, done.output
    return done


def found(checkout: Path, *arguments: object) -> dict[str, Any]:
    return json.loads(run(checkout, *arguments, "--json").stdout)


# Checks as the judge


def test_the_rubrics_checks_are_compared_with_peoples_labels(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)
    at_threshold = found(checkout, "--labels", labels(tmp_path, ANSWERS))["at_threshold"]

    assert {name: at_threshold[name]["value"] for name in ("precision", "recall", "kappa")} == {
        "precision": 0.5,
        "recall": 1.0,
        "kappa": 0.5,
    }


def test_people_read_a_report(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)

    assert (
        "rubric score of eval/rubric.yaml of 4 answers, 1 of which people fail; 0 unscored"
        in run(checkout, "--labels", labels(tmp_path, ANSWERS)).stdout
    )


def test_a_persons_score_fails_below_the_value_given(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)
    rows = [{"input": "q", "output": "a", "stars": stars} for stars in (1, 2, 3, None)]
    one = found(checkout, "--labels", labels(tmp_path, rows), "--label-column", "stars", "--fails-below", 2.5)

    assert (one["contents"], one["failing"], one["caveats"]) == (3, 2, ["rows without a label, left out: 1"])


def test_a_sample_has_as_many_answers_as_asked_for(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)

    assert found(checkout, "--labels", labels(tmp_path, ANSWERS), "--limit", 2)["contents"] == 2


def test_a_function_of_the_checkout_scores(checkout: Path, tmp_path: Path):
    (checkout / "calibrate_checks.py").write_text("def shout(output, **_):\n    return output.isupper()\n")
    write_rubric(checkout, {"name": "shout", "weight": 1.0, "check": {"python": "calibrate_checks:shout"}})
    rows = [{"input": "q", "output": "YES", "human_fail": False}, {"input": "q", "output": "no", "human_fail": True}]

    assert found(checkout, "--labels", labels(tmp_path, rows))["auc"]["value"] == 1.0


def test_the_rubric_is_that_of_the_base_branch(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)
    rubric = checkout / "eval/rubric.yaml"
    rubric.write_text(rubric.read_text().replace("0.6", "0.1"))

    assert found(checkout, "--labels", labels(tmp_path, ANSWERS))["at_threshold"]["threshold"] == 0.6


# Reviewers' decisions as labels


def test_merged_decisions_are_labels(checkout: Path):
    write_rubric(checkout, SHORT)
    cases = []
    for number, (status, output) in enumerate([("promoted", "too long"), ("rejected", "fine"), ("proposed", "fine")]):
        one = case(f"tail-2026W17-00{number}", status=status, rejection_reason="dull" if status == "rejected" else None)
        cases.append(one.model_copy(update={"cluster": one.cluster.model_copy(update={"observed_output": output})}))
    (checkout / "eval/tail").mkdir()
    text = tail_text("2026-W17", cases, agent="simulated-support")
    (checkout / "eval/tail/2026-W17.yaml").write_text(text, encoding="utf-8")
    commit_all(checkout, "A merged week")
    one = found(checkout, "--reviewed")

    assert (one["contents"], one["auc"]["value"]) == (2, 1.0)
    assert one["caveats"][0].startswith("Reviewers promoted 1 of 2 decided cases so far (50 %")


def test_without_any_decision_there_is_nothing_to_calibrate_on(checkout: Path):
    write_rubric(checkout, SHORT)

    assert "nothing to calibrate on" in run(checkout, "--reviewed", expect=2).stderr


# What is refused


@pytest.mark.parametrize("arguments", [[], ["--reviewed", "--labels", __file__]], ids=["neither", "both"])
def test_labels_come_from_one_place(checkout: Path, arguments: list[str]):
    assert "give either --labels FILE or --reviewed" in run(checkout, *arguments, expect=2).stderr


def test_a_rubric_that_needs_a_judge_it_does_not_name_is_refused(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT, POLICY)
    done = run(checkout, "--labels", labels(tmp_path, ANSWERS), expect=2)

    assert "eval/rubric.yaml cannot be scored by checks alone: policy needs a judge; give every" in done.stderr


def test_where_there_are_several_rubrics_one_has_to_be_chosen(checkout: Path, tmp_path: Path):
    write_rubric(checkout, SHORT)
    for name in ("plan", "repair"):
        (checkout / "eval" / name).mkdir()
        (checkout / "eval" / name / "rubric.yaml").write_bytes((checkout / "eval/rubric.yaml").read_bytes())
    (checkout / "eval/agents.yaml").write_text(
        "repository: {provider: local}\nagents:\n- {name: art, unit: node, traces: {store: otel, path: x}, segments: "
        "{by: node_class, values: [plan, repair], eval_dir: 'eval/{segment}'}}\n"
    )
    commit_all(checkout, "Two rubrics")
    file = labels(tmp_path, ANSWERS)

    assert "there are 2 rubrics (eval/plan/rubric.yaml, eval/repair" in run(checkout, "--labels", file, expect=2).stderr
    assert found(checkout, "--labels", file, "--segment", "plan")["rubric"] == "eval/plan/rubric.yaml"


# A model as the judge


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv(KEY_ENV, KEY)
    with ModelServer(rubric_judge(grade)) as running:
        yield running


@pytest.fixture
def judged(checkout: Path, server: ModelServer) -> Callable[..., Path]:
    """The checkout with a rubric that names the server's model."""

    def configured(max_judge_calls: int = 1_000, **rubric: Any) -> Path:
        endpoint = {"base_url": server.url, "api_key_env": KEY_ENV, "concurrency": 4}
        agent = {"name": "support", "traces": {"store": "files", "path": "x"}, "max_judge_calls": max_judge_calls}
        config = {"repository": {"provider": "local"}, "models": {"vendor": endpoint}, "agents": [agent]}
        (checkout / "eval/agents.yaml").write_text(yaml.safe_dump(config))
        write_rubric(checkout, POLICY, judge_model="vendor/judge", **rubric)
        return checkout

    return configured


def test_the_rubrics_model_is_asked_where_it_names_one(judged: Callable[..., Path], tmp_path: Path):
    one = found(judged(), "--labels", labels(tmp_path, JUDGED))

    assert (one["auc"]["value"], one["suggestion"]["threshold"]["value"]) == (1.0, pytest.approx(0.45))


def test_faithfulness_is_compared_with_its_own_threshold(judged: Callable[..., Path], tmp_path: Path):
    rows = [
        {"input": "q", "output": "It is red.", "context": "It is red.", "human_fail": False},
        {"input": "q", "output": "It is blue.", "context": "It is red.", "human_fail": True},
        {"input": "q", "output": "It is blue.", "context": None, "human_fail": True},
    ]
    one = found(judged(), "--labels", labels(tmp_path, rows), "--metric", "faithfulness")

    assert (one["at_threshold"]["threshold"], one["auc"]["value"], one["unscored"]) == (
        0.7,
        1.0,
        {"nothing was retrieved": 1},
    )


def test_what_was_answered_once_is_not_asked_again(judged: Callable[..., Path], server: ModelServer, tmp_path: Path):
    checkout, file = judged(), labels(tmp_path, JUDGED)
    for _ in "ab":
        run(checkout, "--labels", file)

    assert len(server.requests) == len(JUDGED)


def test_each_repeat_is_asked_anew(judged: Callable[..., Path], server: ModelServer, tmp_path: Path):
    one = found(judged(judge_sd=0.2), "--labels", labels(tmp_path, JUDGED), "--repeats", 3)

    assert (len(server.requests), one["repeats"]["repeats"], one["repeats"]["sd"]) == (27, 3, pytest.approx(0))


def test_a_spent_budget_says_how_to_go_on(judged: Callable[..., Path], tmp_path: Path):
    checkout, file = judged(max_judge_calls=5), labels(tmp_path, JUDGED)

    assert "5 calls (max_judge_calls) are spent; run again to go on" in run(checkout, "--labels", file, expect=2).stderr
    assert found(checkout, "--labels", file)["contents"] == len(JUDGED)


def test_an_answer_the_endpoint_fails_on_is_unscored_and_the_others_count(
    judged: Callable[..., Path], server: ModelServer, tmp_path: Path
):
    server.answer = lambda request: error_reply(500) if "policy=0.3" in request.user else rubric_judge(grade)(request)
    one = found(judged(), "--labels", labels(tmp_path, JUDGED))

    ((reason, count),) = one["unscored"].items()
    assert (reason.startswith("not answered: model vendor/judge"), count, one["auc"]["value"]) == (True, 1, 1.0)


def test_an_endpoint_that_is_down_is_named(judged: Callable[..., Path], server: ModelServer, tmp_path: Path):
    server.answer = lambda _request: error_reply(500)

    assert "error: model vendor/judge" in run(judged(), "--labels", labels(tmp_path, JUDGED), expect=2).stderr


def test_answers_about_one_tenants_cases_are_kept_beside_no_other_tenants(
    judged: Callable[..., Path], server: ModelServer
):
    checkout = judged()
    configuration = yaml.safe_load((checkout / "eval/agents.yaml").read_text())
    configuration["agents"][0]["segments"] = {"by": "tenant", "values": ["acme", "globex"]}
    (checkout / "eval/agents.yaml").write_text(yaml.safe_dump(configuration))
    for tenant in ("acme", "globex"):
        decided = [case(f"tail-2026W17-{tenant}-00{number}", status="promoted") for number in (1, 2)]
        answered = {"observed_output": f"policy=0.2 canary{tenant}"}
        cases = [one.model_copy(update={"cluster": one.cluster.model_copy(update=answered)}) for one in decided]
        path = checkout / f"eval/tail/{tenant}/2026-W17.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(tail_text("2026-W17", cases, segment=tenant), encoding="utf-8")
    commit_all(checkout, "Two tenants")
    server.answer = rubric_judge(_quoting)

    run(checkout, "--reviewed")

    for tenant, other in (("acme", "globex"), ("globex", "acme")):
        kept = b"".join(path.read_bytes() for path in (checkout / ".tail/state/support" / tenant).iterdir())
        assert f"canary{tenant}".encode() in kept
        assert f"canary{other}".encode() not in kept


def _quoting(system: str, user: str) -> dict[str, Any]:
    """A judge whose reasons repeat what it was shown."""
    found = grade(system, user)
    for verdict in found.get("verdicts", []):
        verdict["reason"] = " ".join(tagged(user, "answer"))
    return found
