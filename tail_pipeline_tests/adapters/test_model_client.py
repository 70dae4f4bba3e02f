"""What the exceptions of the openai package mean here."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
import pytest
from openai import _exceptions

from tail_pipeline.adapters.model_api.client import ServedModel, failure_of
from tail_pipeline.adapters.model_api.refusals import RefusedRequestError, refusal_of
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline_tests.model_server import KEY

SERVED = ServedModel("model", "loop/m", Endpoint(base_url="http://model.example/v1", api_key_env="A_KEY"))
REQUEST = httpx2.Request("POST", "http://model.example/v1/chat/completions", headers={"Authorization": f"Bearer {KEY}"})


def status_error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    body = {"message": f"quotes {KEY}"}
    return kind(str(body), response=httpx2.Response(status, json={"error": body}, request=REQUEST), body=body)


def oauth_error() -> openai.OpenAIError:
    return openai.OAuthError(response=httpx2.Response(401, request=REQUEST), body={"error": "invalid_grant"})


MEANINGS: dict[str, tuple[Any, type[Exception]]] = {
    "APIConnectionError": (openai.APIConnectionError(request=REQUEST), TransientError),
    "APITimeoutError": (openai.APITimeoutError(request=REQUEST), TransientError),
    "InternalServerError": (status_error(openai.InternalServerError, 502), TransientError),
    "RateLimitError": (status_error(openai.RateLimitError, 429), TransientError),
    "ConflictError": (status_error(openai.ConflictError, 409), TransientError),
    "BadRequestError": (status_error(openai.BadRequestError, 400), RefusedRequestError),
    "UnprocessableEntityError": (status_error(openai.UnprocessableEntityError, 422), RefusedRequestError),
    "AuthenticationError": (status_error(openai.AuthenticationError, 401), PermanentError),
    "OAuthError": (oauth_error(), PermanentError),
    "PermissionDeniedError": (status_error(openai.PermissionDeniedError, 403), PermanentError),
    "NotFoundError": (status_error(openai.NotFoundError, 404), PermanentError),
    "APIStatusError": (status_error(openai.APIStatusError, 402), PermanentError),
    "APIResponseValidationError": (
        openai.APIResponseValidationError(httpx2.Response(200, request=REQUEST), body=None),
        PermanentError,
    ),
    "APIError": (openai.APIError("odd", REQUEST, body=None), PermanentError),
    "OpenAIError": (openai.OpenAIError("odd"), PermanentError),
    "SubjectTokenProviderError": (_exceptions.SubjectTokenProviderError("no token"), PermanentError),
    "_AmbiguousModuleClientUsageError": (openai.OpenAIError("of the module's own client"), PermanentError),
}
OF_OTHER_CALLS = {
    "LengthFinishReasonError",  # raised by parse(), which is not called
    "ContentFilterFinishReasonError",
    "InvalidWebhookSignatureError",
    "WebSocketConnectionClosedError",
    "WebSocketQueueFullError",
}


def exceptions_of_the_package() -> set[str]:
    """Without asking the package's lazy attributes what they are, which loads them."""
    found = {**vars(openai), **vars(_exceptions)}
    return {name for name, one in found.items() if type(one) is type and issubclass(one, Exception)}


def test_every_exception_of_the_package_is_known():
    assert exceptions_of_the_package() == {*MEANINGS, *OF_OTHER_CALLS}


@pytest.mark.parametrize(("error", "meaning"), MEANINGS.values(), ids=MEANINGS)
def test_an_exception_means_what_helps_against_it(error: openai.OpenAIError, meaning: type[Exception]):
    assert type(refusal_of(error) or failure_of(error, SERVED)) is meaning


@pytest.mark.parametrize("name", MEANINGS)
def test_a_message_names_the_model_and_the_host_and_nothing_the_endpoint_wrote(name: str):
    message = str(failure_of(MEANINGS[name][0], SERVED))
    assert ("model loop/m at model.example" in message, KEY in message, "odd" in message) == (True, False, False)
