"""Questions and prompts to a chat model behind an endpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from tail_pipeline.adapters.model_api.attempts import Attempts, Tally
from tail_pipeline.adapters.model_api.client import ServedModel, open_client
from tail_pipeline.adapters.model_api.completions import Completion
from tail_pipeline.adapters.model_api.dialect import Dialect, conversation
from tail_pipeline.adapters.model_api.json_answers import UnusableAnswerError, answer_in
from tail_pipeline.adapters.model_api.refusals import Refusal, RefusedRequestError
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.questions import Answer, Question, Shape

if TYPE_CHECKING:
    from openai import OpenAI

_CHARACTERS_A_TOKEN = 4


class ChatModel:
    """A ``Model`` for many threads, with one pool of connections; a context manager that closes it.

    What the endpoint turned out not to take is remembered; a wrong key, an unknown model, a spent quota or an outage stops
    every thread of this instance for good.
    """

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        *,
        budget: CallBudget | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """``model`` is ``endpoint/model``; the key is read from the environment when the first question is asked."""
        self._served = ServedModel("model", model, endpoint)
        self._attempts = Attempts(self._served, budget=budget, now=now, sleep=sleep)
        self._dialect = Dialect.of(endpoint)
        self._lock = threading.Lock()
        self._client: OpenAI | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; a later question opens others."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def name(self) -> str:
        return self._served.name

    def ask(self, question: Question[Shape]) -> Answer[Shape]:
        """An answer in the question's shape, at temperature 0; one that cannot be used is asked for once more."""
        tally, max_tokens, reason = Tally(), question.max_output_tokens, None
        for _ in ("first", "repair"):
            try:
                value = self._value(question, max_tokens, reason, tally)
                return Answer(value, None, tally.calls, tally.served_by)
            except _CutOffError as cut_off:
                reason, max_tokens = cut_off.reason, 2 * max_tokens
            except UnusableAnswerError as unusable:
                reason = unusable.reason
            except RefusedRequestError as refused:
                reason = refused.reason
                self._note(refused)
                if refused.kind is not Refusal.FILTERED:
                    break
        return Answer(None, reason, tally.calls, tally.served_by)

    def reply(self, prompt: str, *, system_prompt: str | None = None) -> str:
        """What the model writes to a user, at the vendor's temperature; its refusal where it refuses.

        Empty where a content filter stops it or the prompt is too long: a user would have got nothing either.
        """
        body = {"messages": conversation(prompt, system_prompt)}
        try:
            completion = self._send(body, Tally())
        except RefusedRequestError as refused:
            self._note(refused)
            if refused.kind is not Refusal.UNKNOWN:
                return ""
            raise PermanentError(f"{self._served}: {refused.reason}") from None
        return completion.content or completion.refusal

    def _note(self, refused: RefusedRequestError) -> None:
        """An endpoint that can say why it refuses is up; one that refuses everything is set up wrongly."""
        if refused.kind is Refusal.UNKNOWN:
            self._attempts.standing.refused(refused.reason)
        else:
            self._attempts.standing.answered()

    def _value(self, question: Question[Shape], max_tokens: int, repair: str | None, tally: Tally) -> Shape:
        completion = self._completion(question, max_tokens, repair, tally)
        if completion.refusal or completion.finish_reason == "refusal":
            raise UnusableAnswerError("refused by the model")
        if completion.finish_reason == "content_filter":
            raise UnusableAnswerError(Refusal.FILTERED)
        if completion.finish_reason == "length":
            raise _CutOffError(f"answer cut off at {max_tokens} tokens")
        value = answer_in(completion.arguments or (completion.content,), question.shape)
        if problem := question.problem(value):
            raise UnusableAnswerError(problem)
        return value

    def _completion(self, question: Question[Shape], max_tokens: int, repair: str | None, tally: Tally) -> Completion:
        """Asks in the dialect that is known so far, and in another one where the endpoint does not take it."""
        while True:
            dialect = self._dialect
            body = dialect.body(question, max_tokens=max_tokens, repair=repair)
            try:
                return self._send(body, tally)
            except RefusedRequestError as refused:
                if refused.kind is not Refusal.UNKNOWN or not self._adapt(dialect, refused):
                    raise

    def _adapt(self, sent: Dialect, refused: RefusedRequestError) -> bool:
        """Whether there is another dialect to try; another thread may have found it meanwhile."""
        adapted = sent.adapted(refused)
        with self._lock:
            if adapted is not None and self._dialect == sent:
                self._dialect = adapted
            return self._dialect != sent

    def _send(self, body: dict[str, Any], tally: Tally) -> Completion:
        create: Any = self._opened().chat.completions.with_raw_response.create
        characters = sum(len(message["content"]) for message in body["messages"])

        def request() -> bytes:
            content: bytes = create(model=self._served.model, **body).content
            return content

        return self._attempts.send(request, tally, tokens=characters // _CHARACTERS_A_TOKEN)

    def _opened(self) -> OpenAI:
        with self._lock:
            if self._client is None:
                self._client = open_client(self._served, retries=0, connections=self._served.endpoint.concurrency)
            return self._client


class _CutOffError(UnusableAnswerError):
    """The answer reached the largest number of tokens it was allowed."""
