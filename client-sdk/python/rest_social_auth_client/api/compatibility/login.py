from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.login_input import LoginInput
from ...models.problem import Problem
from ...models.session_user import SessionUser
from typing import cast


def _get_kwargs(
    *,
    body: LoginInput,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/login/social/",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | SessionUser | None:
    if response.status_code == 200:
        response_200 = SessionUser.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 405:
        response_405 = Problem.from_dict(response.json())

        return response_405

    if response.status_code == 406:
        response_406 = Problem.from_dict(response.json())

        return response_406

    if response.status_code == 408:
        response_408 = Problem.from_dict(response.json())

        return response_408

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = Problem.from_dict(response.json())

        return response_500

    if response.status_code == 502:
        response_502 = Problem.from_dict(response.json())

        return response_502

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if response.status_code == 504:
        response_504 = Problem.from_dict(response.json())

        return response_504

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | SessionUser]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: LoginInput,
) -> Response[Problem | SessionUser]:
    """Sign in by session cookie, short path

     Post the provider's callback.

    Args:
        body (LoginInput): The body of a login whose URL names no provider: the provider, and the
            parameters of its callback. Example: {'provider': 'github', 'code':
            'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SessionUser]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: LoginInput,
) -> Problem | SessionUser | None:
    """Sign in by session cookie, short path

     Post the provider's callback.

    Args:
        body (LoginInput): The body of a login whose URL names no provider: the provider, and the
            parameters of its callback. Example: {'provider': 'github', 'code':
            'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SessionUser
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: LoginInput,
) -> Response[Problem | SessionUser]:
    """Sign in by session cookie, short path

     Post the provider's callback.

    Args:
        body (LoginInput): The body of a login whose URL names no provider: the provider, and the
            parameters of its callback. Example: {'provider': 'github', 'code':
            'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SessionUser]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: LoginInput,
) -> Problem | SessionUser | None:
    """Sign in by session cookie, short path

     Post the provider's callback.

    Args:
        body (LoginInput): The body of a login whose URL names no provider: the provider, and the
            parameters of its callback. Example: {'provider': 'github', 'code':
            'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SessionUser
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
