"""What is wrong with a ``target:`` is found when the configuration loads, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import check_eval_files, load_configuration
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.targets import HttpTarget, ModelTarget, PythonTarget

AGENTS = """\
repository: {provider: local}
models:
  vllm: {base_url: http://localhost:1, api_key_env: KEY}
agents:
  - name: support
    traces: {store: files, path: traces/*.jsonl}
    target:
      """
TARGET_LINE = 8
THRESHOLDS = "rubric_min_score: 0.82\nragas_faithfulness: 0.78\n"


def configured(root: Path, target: str, rubric: str = THRESHOLDS) -> Path:
    (root / "eval").mkdir()
    (root / "eval" / "agents.yaml").write_text(AGENTS + target + "\n", encoding="utf-8")
    (root / "eval" / "rubric.yaml").write_text(rubric, encoding="utf-8")
    (root / "eval" / "cases.yaml").write_text("cases: []\n", encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("model: openai/gpt-5-mini", ModelTarget(model="openai/gpt-5-mini")),
        ("model: vllm/some/model:7b", ModelTarget(model="vllm/some/model:7b")),
        ("http: https://agent.example/answer?v=2", HttpTarget(http="https://agent.example/answer?v=2")),
        ("{http: http://10.0.0.1:80, token_env: T}", HttpTarget(http="http://10.0.0.1:80", token_env="T")),
        ('python: "support.bot:answer"', PythonTarget(python="support.bot:answer")),
    ],
)
def test_each_kind_of_target_is_read(
    tmp_path: Path, target: str, expected: ModelTarget | HttpTarget | PythonTarget
) -> None:
    assert load_configuration(configured(tmp_path, target)).agents[0].target == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("model: nobody/gpt", "target.model: unknown endpoint 'nobody'"),
        ("model: gpt-5-mini", "target.model.model: "),
        ("{model: openai/x, http: http://a}", "needs exactly one of the keys model, http and python"),
        ("{token_env: T}", "needs exactly one of the keys model, http and python"),
        ("{http: http://a, token: s3cret}", "unknown key; check the spelling or remove it"),
        ("http: agent.example/answer", "must be an http:// or https:// address"),
        ("http: file:///etc/passwd", "must be an http:// or https:// address"),
        ("http: http://localhost:99999/", "Port out of range"),
        ("http: http://user:s3cret@a/", "holds a user name or password; name the environment variable"),
        ('python: "support.bot"', "found 'support.bot'"),
        ("{model: openai/x, system_prompt: ../../etc/passwd}", "must be a path inside the checkout"),
        ("{model: openai/x, system_prompt: prompts/gone.md}", "prompts/gone.md: the file is missing"),
        ("model: model_primary", "is model_primary, and eval/rubric.yaml names none"),
    ],
)
def test_a_target_that_leads_nowhere_is_found_with_its_line(tmp_path: Path, target: str, message: str) -> None:
    with pytest.raises(InvalidFile) as raised:
        load_configuration(configured(tmp_path, target))

    (finding,) = raised.value.findings
    assert (finding.file, finding.line in (TARGET_LINE - 1, TARGET_LINE)) == ("eval/agents.yaml", True)
    assert message in finding.message
    assert "s3cret" not in finding.message


def test_a_primary_model_of_the_rubric_is_enough(tmp_path: Path) -> None:
    root = configured(tmp_path, "model: model_primary", THRESHOLDS + "model_primary: vllm/m\n")

    assert load_configuration(root).agents[0].target == ModelTarget(model="model_primary")


def test_a_primary_model_behind_an_unknown_endpoint_is_found(tmp_path: Path) -> None:
    root = configured(tmp_path, "model: model_primary", THRESHOLDS + "model_primary: nobody/m\n")
    with pytest.raises(
        InvalidFile, match=r"target\.model: is model_primary, which .* names as nobody/m: unknown endpoint"
    ):
        load_configuration(root)


def test_validate_finds_it_too(tmp_path: Path) -> None:
    found = check_eval_files(configured(tmp_path, "model: model_primary"))

    assert [finding.line for finding in found.errors] == [TARGET_LINE]
