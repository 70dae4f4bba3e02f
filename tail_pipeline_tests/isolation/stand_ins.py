"""Models and agents that repeat what they were told, so that whatever is made of their answers can be traced back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tail_pipeline.domain.model_drafts import DRAFT_INSTRUCTIONS
from tail_pipeline.domain.shared_rewriting import REWRITING_INSTRUCTIONS
from tail_pipeline.domain.titling import TITLE_INSTRUCTIONS
from tail_pipeline_tests import agent_server, model_server
from tail_pipeline_tests.isolation.canaries import Aviary, Owner
from tail_pipeline_tests.model_server import Reply, Request, chat_reply, error_reply, json_answer
from tail_pipeline_tests.scripted_judge import grade


@dataclass
class Told:
    """What the stand-ins of one world answer; ``reader`` is whose run is under way, None where that could be several:
    of all tenants of ``several`` then.

    Every answer has a word of its own, which belongs to that reader: an answer that another tenant's run is given
    from a cache shows, also where both asked the very same.
    """

    aviary: Aviary
    reader: Owner | None = None
    several: Owner | None = None
    failing: str | None = None
    asked: list[tuple[Owner | None, str]] = field(default_factory=list)

    def answer(self, asked: str, contexts: Sequence[str]) -> str:
        """The agent as it is now: about what it was asked, or an error that quotes it."""
        self.asked.append((self.reader or self.several, "\n".join([asked, *contexts])))
        if self.failing == "target":
            raise ValueError(f"cannot answer {asked}")
        return f"policy=0.5 § 1: {asked[:200]} {self._own('an answer of the agent')}."

    def serve(self, request: Request) -> Reply:
        """The endpoint of all models: judge, titles, drafts, the agent's own model, embeddings."""
        self.asked.append((self.reader or self.several, str(request.body)))
        if request.path.endswith("/embeddings"):
            return model_server.usual(request)
        if self.failing == "judge":
            return error_reply(400, f"cannot judge {request.user}")
        if self.failing == "endpoint":
            return chat_reply(f"I would rather talk about {request.user}")
        if request.body["model"] == "agent-model":
            return chat_reply(f"policy=0.5 {request.user[:200]} {self._own('an answer of the model')}")
        return json_answer(request, self._judged(request))

    def serve_http(self, request: agent_server.Request) -> agent_server.Reply:
        """The agent behind an address; one that fails answers with what it was asked."""
        said = "\n".join([request.input, *request.body["context"]])
        if self.failing == "target":
            self.asked.append((self.reader or self.several, said))
            return agent_server.text_reply(f"cannot answer {request.input}", status=422)
        return agent_server.output_reply(self.answer(request.input, request.body["context"]))

    def _judged(self, request: Request) -> dict[str, Any]:
        words = " ".join(sorted(canary.word for canary in self.aviary.found_in(request.user))[:3])
        said = f"{words} {self._own('an answer of the judge')}"
        if request.system.startswith(TITLE_INSTRUCTIONS):
            return {"title": f"About {said}"[:60]}
        if request.system.startswith(REWRITING_INSTRUCTIONS):
            # Half of what it is asked it copies, which no tenant may be shown.
            copied = len(self.asked) % 2 == 0
            return {"title": "Help wanted", "input": f"Please help with {words}" if copied else "Please help me"}
        if request.system.startswith(DRAFT_INSTRUCTIONS):
            return {"expected": f"policy=0.97 A better answer, {said}."}
        found = grade(request.system, request.user)
        for verdict in found.get("verdicts", []):
            verdict["reason"] = f"read {said}"
        return found

    def _own(self, where: str) -> str:
        owners = frozenset({self.reader} if self.reader else set())
        return self.aviary.word(owners, f"{where} to {self.reader}") if self.reader else ""


@dataclass
class _Current:
    told: Callable[[str, Sequence[str]], str] | None = None


CURRENT = _Current()
"""Who ``answer`` speaks for: the pipeline imports it by name, and a process has one world at a time."""


def answer(asked: str, contexts: list[str]) -> str:
    """The ``target: {python: …}`` of a world."""
    assert CURRENT.told is not None, "no world is running"
    return CURRENT.told(asked, contexts)
