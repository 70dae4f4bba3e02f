"""Questions a second through ``ChatModel`` beside a bare loop of the openai client, with the same threads and endpoint.

    python -m benchmarks.judge_client [--threads 32] [--questions 1500] [--rounds 5]

The endpoint is the tests' stand-in in a process of its own, which takes 50 ms an answer. Rounds of both are interleaved, so that
what else the machine does meets both; the first one of each is not counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import httpx2
from openai import DefaultHttpxClient, OpenAI
from pydantic import BaseModel

from tail_pipeline.adapters.model_api.answer_schema import answer_schema
from tail_pipeline.adapters.model_api.chat import ChatModel
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.questions import Question
from tail_pipeline.domain.rubric import Share
from tail_pipeline_tests.model_server import KEY, KEY_ENV, ModelServer, Reply, Request, json_answer

LATENCY_S = 0.05
TEXT = "What the agent was asked, what it was given and what it answered. " * 60


class Grade(BaseModel):
    """One criterion."""

    score: Share
    why: str


QUESTION = Question("grade", "Rate the answer.", TEXT, Grade)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=32)
    options.add_argument("--questions", type=int, default=1_500)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    os.environ[KEY_ENV] = KEY
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    endpoint = Endpoint(base_url=here.recv(), api_key_env=KEY_ENV, concurrency=chosen.threads)
    with ChatModel("loop/judge", endpoint) as model:
        ways = {"openai, bare": _bare(endpoint), "ChatModel.ask": lambda: _used(model)}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(chosen.rounds + 1):
            for name, ask in ways.items():
                rates[name].append(_rate(ask, chosen.threads, chosen.questions))
    server.terminate()
    ratios = [used / bare for bare, used in zip(*(found[1:] for found in rates.values()), strict=True)]
    print(f"{chosen.threads} threads, {LATENCY_S * 1000:.0f} ms: at most {chosen.threads / LATENCY_S:.0f} questions/s")
    for name, found in rates.items():
        print(
            f"  {name:<14} {statistics.median(found[1:]):4.0f} questions/s  ({', '.join(f'{rate:.0f}' for rate in found[1:])})"
        )
    print(f"  ratio          {statistics.median(ratios):.0%}  ({', '.join(f'{ratio:.0%}' for ratio in ratios)})")


def _serve(pipe: Connection) -> None:
    def answer(request: Request) -> Reply:
        time.sleep(LATENCY_S)
        return json_answer(request, {"score": 0.5, "why": "half of it"})

    with ModelServer(answer) as server:
        pipe.send(server.url)
        pipe.poll(None)


def _rate(ask: Callable[[], None], threads: int, questions: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for one in [pool.submit(ask) for _ in range(questions)]:
            one.result()
    return questions / (time.perf_counter() - start)


def _used(model: ChatModel) -> None:
    assert model.ask(QUESTION).value is not None


def _bare(endpoint: Endpoint) -> Callable[[], None]:
    limits = httpx2.Limits(max_connections=endpoint.concurrency, max_keepalive_connections=endpoint.concurrency)
    client = OpenAI(
        api_key=KEY, base_url=endpoint.base_url, max_retries=0, http_client=DefaultHttpxClient(limits=limits)
    )
    schema = answer_schema(Grade)

    def ask() -> None:
        reply = client.chat.completions.create(
            model="judge",
            messages=[{"role": "system", "content": QUESTION.instructions}, {"role": "user", "content": TEXT}],
            temperature=0,
            max_tokens=QUESTION.max_output_tokens,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "grade", "schema": schema, "strict": True},
            },
        )
        assert Grade.model_validate_json(reply.choices[0].message.content or "").score == 0.5

    return ask


if __name__ == "__main__":
    main()
