"""How a question is put to an endpoint: vendors differ in how they are held to JSON and in the parameters they take."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from tail_pipeline.adapters.model_api.answer_schema import answer_schema
from tail_pipeline.adapters.model_api.refusals import RefusedRequestError
from tail_pipeline.domain.agents import Endpoint, JsonMode
from tail_pipeline.domain.questions import Question, Shape

TokensParameter = Literal["max_tokens", "max_completion_tokens"]
_OTHER: dict[TokensParameter, TokensParameter] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}


@dataclass(frozen=True)
class Dialect:
    """What an endpoint is sent, until it refuses a part of it."""

    json_mode: JsonMode
    tokens_parameter: TokensParameter
    renamed: bool = False
    temperature: bool = True

    @classmethod
    def of(cls, endpoint: Endpoint) -> Dialect:
        """The best guess: OpenAI itself knows the newer name, and others at least the older one."""
        return cls(endpoint.json_mode, "max_tokens" if endpoint.base_url else "max_completion_tokens")

    def adapted(self, refused: RefusedRequestError) -> Dialect | None:
        """Without what the endpoint does not take; None where that was not the trouble."""
        if self.temperature and refused.names("temperature"):
            return replace(self, temperature=False)
        if not self.renamed and refused.names(self.tokens_parameter):
            return replace(self, tokens_parameter=_OTHER[self.tokens_parameter], renamed=True)
        if self.json_mode == "json_schema" and refused.names("response_format", "json_schema"):
            return replace(self, json_mode="prompt")
        if self.json_mode == "tool" and refused.names("tools", "tool_choice", "tool", "function"):
            return replace(self, json_mode="prompt")
        return None

    def body(self, question: Question[Shape], *, max_tokens: int, repair: str | None) -> dict[str, Any]:
        """The request; ``repair`` says what was wrong with an earlier answer, which is not sent along: nobody vouches for it."""
        schema, name = answer_schema(question.shape), re.sub(r"[^A-Za-z0-9_-]", "_", question.name)[:64] or "answer"
        system = question.instructions
        more: dict[str, Any] = {self.tokens_parameter: max_tokens}
        if self.temperature:
            more["temperature"] = 0
        match self.json_mode:
            case "json_schema":
                named = {"name": name, "schema": schema, "strict": True}
                more["response_format"] = {"type": "json_schema", "json_schema": named}
            case "tool":
                more["tools"] = [{"type": "function", "function": {"name": name, "parameters": schema}}]
                more["tool_choice"] = {"type": "function", "function": {"name": name}}
            case "prompt":
                system += (
                    "\n\nAnswer with one JSON object and nothing else. It must match this JSON schema:\n"
                    f"{json.dumps(schema, ensure_ascii=False)}"
                )
        if repair:
            system += (
                f"\n\nAn earlier answer could not be used: {repair}. Answer in full and exactly in the form asked for."
            )
        return {"messages": conversation(question.text, system), **more}


def conversation(prompt: str, system_prompt: str | None) -> list[dict[str, str]]:
    """One message of the user after the system's, if there is one; halves of surrogate pairs cannot be sent and become ``?``."""
    spoken = [("system", system_prompt), ("user", prompt)] if system_prompt else [("user", prompt)]
    return [{"role": role, "content": text.encode(errors="replace").decode()} for role, text in spoken]
