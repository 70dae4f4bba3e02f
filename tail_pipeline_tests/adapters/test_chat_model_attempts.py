"""How the chat client keeps asking, and when it stops: retries, rate limits, budgets, outages, many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tail_pipeline.adapters.model_api.chat import ChatModel
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError
from tail_pipeline.domain.questions import Answer, BudgetSpentError
from tail_pipeline_tests.adapters.chat_parts import GOOD, MODEL, QUESTION, ToldTime
from tail_pipeline_tests.model_server import (
    KEY,
    KEY_ENV,
    ModelServer,
    Reply,
    Request,
    always,
    chat_reply,
    error_reply,
    hanging,
    html_reply,
    in_turn,
    json_reply,
    message_reply,
    quota_reply,
    rate_limited_reply,
    torn_reply,
    unknown_model_reply,
    unused_url,
    wrong_key_reply,
)
from tail_pipeline_tests.model_server import Answer as Answering

MakeModel = Callable[..., ChatModel]


@pytest.fixture
def time() -> ToldTime:
    return ToldTime()


@pytest.fixture
def make_model(model_server: ModelServer, time: ToldTime) -> MakeModel:
    model_server.answer = always(GOOD)

    def make(*, budget: CallBudget | None = None, **endpoint: object) -> ChatModel:
        return ChatModel(MODEL, model_server.endpoint(**endpoint), budget=budget, now=time.now, sleep=time.sleep)

    return make


def error_of(model: ChatModel, kind: type[TailPipelineError]) -> str:
    with pytest.raises(kind) as raised:
        model.ask(QUESTION)
    assert type(raised.value) is kind
    return str(raised.value)


# Trying again

PASSING: dict[str, Reply] = {
    **{str(status): error_reply(status) for status in (408, 409, 425, 429, 500, 502, 503, 529)},
    "torn": torn_reply(),
    "a login page": html_reply(),
    "an error of the gateway": json_reply(200, {"error": {"message": "upstream is away"}}),
    "broken JSON": (200, {"Content-Type": "application/json"}, b"{ not json"),
    "nothing": (200, {"Content-Type": "application/json"}, b""),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
def test_an_endpoint_that_recovers_is_noticed_in_the_calls_alone(
    model_server: ModelServer, make_model: MakeModel, reply: Reply
):
    model_server.answer = in_turn(reply, reply, reply, always(GOOD))
    with make_model() as model:
        answer = model.ask(QUESTION)
    assert (answer.reason, answer.calls) == (None, 4)


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
def test_an_endpoint_that_does_not_recover_is_transient_and_named(
    model_server: ModelServer, make_model: MakeModel, reply: Reply
):
    model_server.answer = lambda _request: reply
    with make_model() as model:
        message = error_of(model, TransientError)
    assert (MODEL in message, "127.0.0.1" in message, len(model_server.requests)) == (True, True, 4)


def test_a_plain_reply_is_tried_again_too(model_server: ModelServer, make_model: MakeModel):
    model_server.answer = in_turn(error_reply(500), chat_reply("Hi"))
    with make_model() as model:
        assert model.reply("Hello?") == "Hi"


def test_a_refused_connection_is_transient_and_named(make_model: MakeModel):
    with make_model(base_url=unused_url()) as model:
        assert f"{MODEL} at 127.0.0.1 does not answer: the connection failed" in error_of(model, TransientError)


def test_an_endpoint_that_hangs_is_transient_and_named(model_server: ModelServer, make_model: MakeModel):
    released = threading.Event()
    model_server.answer = hanging(released)
    with make_model(timeout_s=0.05) as model:
        message = error_of(model, TransientError)
    released.set()
    assert "no reply within 0.05 s" in message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "3600"}, 120),
    ],
)
def test_an_endpoint_is_left_alone_as_long_as_it_asks(
    model_server: ModelServer,
    make_model: MakeModel,
    time: ToldTime,
    status: int,
    headers: dict[str, str],
    wait_s: float,
):
    _status, content_type, body = rate_limited_reply()
    model_server.answer = in_turn((status, content_type | headers, body), always(GOOD))
    with make_model() as model:
        model.ask(QUESTION)
    assert time.waits == [pytest.approx(wait_s)]


def test_a_date_to_come_back_at_is_understood(model_server: ModelServer, make_model: MakeModel, time: ToldTime):
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    model_server.answer = in_turn(rate_limited_reply({"Retry-After": tomorrow}), always(GOOD))
    with make_model() as model:
        model.ask(QUESTION)
    assert time.waits == [pytest.approx(120)]


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf", "-5", ""])
def test_a_senseless_wait_is_no_error(model_server: ModelServer, make_model: MakeModel, nonsense: str):
    model_server.answer = in_turn(rate_limited_reply({"Retry-After": nonsense}), always(GOOD))
    with make_model() as model:
        assert model.ask(QUESTION).calls == 2


def test_waits_grow_where_the_endpoint_says_nothing(model_server: ModelServer, make_model: MakeModel, time: ToldTime):
    model_server.answer = lambda _request: json_reply(500, {})
    with make_model() as model:
        error_of(model, TransientError)
    assert [base / 2 <= wait <= base * 1.5 for wait, base in zip(time.waits, (1, 2, 4), strict=True)] == [True] * 3


# What will not pass

LASTING: dict[str, Answering] = {
    "key": wrong_key_reply,
    "forbidden": lambda _request: error_reply(403),
    "model": unknown_model_reply,
    "quota": lambda _request: quota_reply(),
    "payment": lambda _request: error_reply(402),
}


@pytest.mark.parametrize("answer", LASTING.values(), ids=LASTING)
def test_what_will_not_pass_names_the_model_the_host_and_the_variable(
    model_server: ModelServer, make_model: MakeModel, answer: Answering
):
    model_server.answer = answer
    with make_model() as model:
        message = error_of(model, PermanentError)
    assert [part for part in (MODEL, "127.0.0.1", KEY_ENV) if part not in message] == []


@pytest.mark.parametrize("answer", LASTING.values(), ids=LASTING)
def test_what_will_not_pass_is_asked_once_in_all(model_server: ModelServer, make_model: MakeModel, answer: Answering):
    model_server.answer = answer
    with make_model() as model:
        first, second = error_of(model, PermanentError), error_of(model, PermanentError)
    assert (first == second, len(model_server.requests)) == (True, 1)


def test_a_wrong_key_found_by_one_thread_stops_the_others(model_server: ModelServer, make_model: MakeModel):
    all_are_here = threading.Barrier(8)

    def refuse_once_all_are_here(request: Request) -> Reply:
        all_are_here.wait(timeout=60)
        return wrong_key_reply(request)

    model_server.answer = refuse_once_all_are_here
    with make_model() as model, ThreadPoolExecutor(8) as pool:
        raised = list(pool.map(lambda _number: error_of(model, PermanentError), range(100)))
    assert (len(raised), len(model_server.requests)) == (100, 8)


def test_a_thread_that_waits_is_woken_by_what_will_not_pass(model_server: ModelServer):
    """The wait it was told is two minutes; the real clock runs here."""
    # Both are on their way before either is answered: one that starts later would wait its turn.
    both_sent = threading.Barrier(2, timeout=60)

    def limit_the_first(request: Request) -> Reply:
        both_sent.wait()
        return rate_limited_reply({"Retry-After": "120"}) if request.user == "first" else wrong_key_reply(request)

    def stopped(model: ChatModel, prompt: str) -> None:
        with pytest.raises(PermanentError):
            model.reply(prompt)

    model_server.answer = limit_the_first
    with ChatModel(MODEL, model_server.endpoint()) as model, ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(stopped, model, prompt) for prompt in ("first", "second")]:
            one.result(timeout=60)
    assert len(model_server.requests) == 2


@pytest.mark.parametrize("value", [None, "", "“sk-s3cret”", "sk-s3cret\n"])
def test_a_key_that_cannot_be_sent_is_named_by_its_variable_and_not_shown(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, value: str | None
):
    if value is None:
        monkeypatch.delenv(KEY_ENV)
    else:
        monkeypatch.setenv(KEY_ENV, value)
    with make_model() as model:
        message = error_of(model, PermanentError)
    assert (KEY_ENV in message, "s3cret" in message) == (True, False)


def test_requests_refused_one_after_the_other_are_a_wrong_configuration(
    model_server: ModelServer, make_model: MakeModel
):
    model_server.answer = lambda _request: error_reply(400)
    with make_model() as model:
        for _ in range(8):
            model.ask(QUESTION)
        assert "8 requests in a row" in error_of(model, PermanentError)


# Secrets


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_an_endpoint_that_quotes_the_key_does_not_get_it_into_a_message(
    model_server: ModelServer, make_model: MakeModel, status: int
):
    quoting = {"message": f"bad key {KEY}", "type": KEY, "code": KEY, "param": KEY}
    model_server.answer = lambda _request: json_reply(status, {"error": quoting})
    with make_model() as model:
        try:
            told = repr(model.ask(QUESTION))
        except TailPipelineError as error:
            told = f"{error!r} {error.__cause__!r} {error.__context__!r}"
    assert KEY not in told


def test_a_model_does_not_show_its_key(make_model: MakeModel):
    with make_model() as model:
        model.ask(QUESTION)
        assert KEY not in f"{model!r} {vars(model)}"


def test_a_password_in_the_address_is_not_shown(model_server: ModelServer, make_model: MakeModel):
    model_server.answer = wrong_key_reply
    with make_model(base_url=model_server.url.replace("//", "//user:hunter2@")) as model:
        assert "hunter2" not in error_of(model, PermanentError)


# Outages


def test_eight_requests_without_an_answer_are_an_outage(model_server: ModelServer, make_model: MakeModel):
    model_server.answer = lambda _request: error_reply(500)
    with make_model() as model:
        for _ in range(8):
            error_of(model, TransientError)
        assert "given up after 8 requests in a row" in error_of(model, TransientError)
    assert len(model_server.requests) == 8 * 4


def test_an_answer_in_between_is_no_outage(model_server: ModelServer, make_model: MakeModel):
    failing = [error_reply(500)] * 4
    model_server.answer = in_turn(*failing * 7, always(GOOD), *failing * 7, always(GOOD))
    with make_model() as model:
        for _ in range(2):
            for _ in range(7):
                error_of(model, TransientError)
            assert model.ask(QUESTION).value is not None


def test_an_outage_is_counted_over_all_threads(model_server: ModelServer, make_model: MakeModel):
    model_server.answer = lambda _request: error_reply(500)
    with make_model() as model, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: error_of(model, TransientError), range(200)))
    assert len(model_server.requests) <= (8 + 7) * 4


# The budget


@pytest.mark.parametrize("max_calls", [0, 1, 3])
def test_no_call_is_made_beyond_the_budget(model_server: ModelServer, make_model: MakeModel, max_calls: int):
    model_server.answer = lambda _request: error_reply(500)
    with make_model(budget=CallBudget(max_calls)) as model, pytest.raises(BudgetSpentError):
        model.ask(QUESTION)
    assert len(model_server.requests) == max_calls


def test_retries_and_the_repair_are_counted(model_server: ModelServer, make_model: MakeModel):
    budget = CallBudget(10)
    model_server.answer = in_turn(error_reply(500), chat_reply("no JSON"), error_reply(429), always(GOOD))
    with make_model(budget=budget) as model:
        answer = model.ask(QUESTION)
    assert (budget.spent, answer.calls, len(model_server.requests)) == (4, 4, 4)


def test_many_threads_do_not_overdraw_the_budget(model_server: ModelServer, make_model: MakeModel):
    def ask(model: ChatModel) -> Answer | None:
        try:
            return model.ask(QUESTION)
        except BudgetSpentError:
            return None

    with make_model(budget=CallBudget(37)) as model, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, [model] * 100))
    assert (sum(one is not None for one in answers), len(model_server.requests)) == (37, 37)


# Rate limits and threads


def test_requests_keep_to_their_number_a_minute(make_model: MakeModel, time: ToldTime):
    with make_model(requests_per_minute=30) as model:
        for _ in range(4):
            model.ask(QUESTION)
    assert time.waits == pytest.approx([2, 2, 2])


def test_tokens_keep_to_their_number_a_minute_as_reported(
    model_server: ModelServer, make_model: MakeModel, time: ToldTime
):
    model_server.answer = lambda _request: message_reply({"content": '{"score": 1, "why": ""}'}, prompt_tokens=995)
    with make_model(tokens_per_minute=10_000) as model:
        for _ in range(3):
            model.ask(QUESTION)
    assert time.waits == pytest.approx([6, 6])


def test_an_endpoint_that_has_too_much_to_do_is_left_alone_by_all(
    model_server: ModelServer, make_model: MakeModel, time: ToldTime
):
    model_server.answer = in_turn(rate_limited_reply({"Retry-After": "30"}), always(GOOD))
    with make_model(requests_per_minute=60) as model:
        model.ask(QUESTION)
        model.ask(QUESTION)
    assert time.waits == pytest.approx([30, 1])


def test_every_thread_gets_the_answer_to_its_own_question(model_server: ModelServer, make_model: MakeModel):
    model_server.answer = lambda request: chat_reply(request.user[::-1])
    prompts = [f"prompt {number}" for number in range(300)]
    with make_model(concurrency=32) as model, ThreadPoolExecutor(32) as pool:
        assert list(pool.map(model.reply, prompts)) == [prompt[::-1] for prompt in prompts]


def test_more_threads_than_connections_wait_for_one(make_model: MakeModel):
    with make_model(concurrency=2) as model, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _number: model.ask(QUESTION), range(64)))
    assert {answer.calls for answer in answers} == {1}


def test_a_closed_model_can_be_used_again(make_model: MakeModel):
    model = make_model()
    model.ask(QUESTION)
    model.close()
    with model:
        assert model.ask(QUESTION).reason is None
