from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.jwt_pair_login import JwtPairLogin
from ...models.jwt_pair_user_login import JwtPairUserLogin
from ...models.jwt_sliding_login import JwtSlidingLogin
from ...models.jwt_sliding_user_login import JwtSlidingUserLogin
from ...models.knox_login import KnoxLogin
from ...models.knox_user_login import KnoxUserLogin
from ...models.problem import Problem
from ...models.resume_input import ResumeInput
from ...models.session_login import SessionLogin
from ...models.token_login import TokenLogin
from ...models.token_user_login import TokenUserLogin
from typing import cast


def _get_kwargs(
    *,
    body: ResumeInput,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/login/social/resume/",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> (
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
    | None
):
    if response.status_code == 200:

        def _parse_response_200(
            data: object,
        ) -> (
            JwtPairLogin
            | JwtPairUserLogin
            | JwtSlidingLogin
            | JwtSlidingUserLogin
            | KnoxLogin
            | KnoxUserLogin
            | SessionLogin
            | TokenLogin
            | TokenUserLogin
        ):
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_0 = JwtPairUserLogin.from_dict(data)

                return componentsschemas_login_result_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_1 = TokenUserLogin.from_dict(data)

                return componentsschemas_login_result_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_2 = JwtSlidingUserLogin.from_dict(data)

                return componentsschemas_login_result_type_2
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_3 = KnoxUserLogin.from_dict(data)

                return componentsschemas_login_result_type_3
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_4 = SessionLogin.from_dict(data)

                return componentsschemas_login_result_type_4
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_5 = JwtPairLogin.from_dict(data)

                return componentsschemas_login_result_type_5
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_6 = TokenLogin.from_dict(data)

                return componentsschemas_login_result_type_6
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_login_result_type_7 = JwtSlidingLogin.from_dict(data)

                return componentsschemas_login_result_type_7
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_login_result_type_8 = KnoxLogin.from_dict(data)

            return componentsschemas_login_result_type_8

        response_200 = _parse_response_200(response.json())

        return response_200

    if response.status_code == 303:
        response_303 = cast(Any, None)
        return response_303

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

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: ResumeInput,
) -> Response[
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
]:
    """Resume a pending login

     A login that was answered 403 `additional_input_required` is pending for ten minutes. Post the
    answers under the names
    of the `fields`, with the `flow_token`. The answer is that of the login route, with its `kind`; or
    the same 403 again,
    with another flow token, if another step needs input. After an error the login is still pending;
    after a success its
    flow token cannot be used again.

    Args:
        body (ResumeInput): The answers to a pending login. Example: {'flow_token':
            'rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo', 'answers': {'email':
            'ada@example.com'}}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | JwtPairLogin | JwtPairUserLogin | JwtSlidingLogin | JwtSlidingUserLogin | KnoxLogin | KnoxUserLogin | SessionLogin | TokenLogin | TokenUserLogin | Problem]
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
    body: ResumeInput,
) -> (
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
    | None
):
    """Resume a pending login

     A login that was answered 403 `additional_input_required` is pending for ten minutes. Post the
    answers under the names
    of the `fields`, with the `flow_token`. The answer is that of the login route, with its `kind`; or
    the same 403 again,
    with another flow token, if another step needs input. After an error the login is still pending;
    after a success its
    flow token cannot be used again.

    Args:
        body (ResumeInput): The answers to a pending login. Example: {'flow_token':
            'rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo', 'answers': {'email':
            'ada@example.com'}}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | JwtPairLogin | JwtPairUserLogin | JwtSlidingLogin | JwtSlidingUserLogin | KnoxLogin | KnoxUserLogin | SessionLogin | TokenLogin | TokenUserLogin | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: ResumeInput,
) -> Response[
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
]:
    """Resume a pending login

     A login that was answered 403 `additional_input_required` is pending for ten minutes. Post the
    answers under the names
    of the `fields`, with the `flow_token`. The answer is that of the login route, with its `kind`; or
    the same 403 again,
    with another flow token, if another step needs input. After an error the login is still pending;
    after a success its
    flow token cannot be used again.

    Args:
        body (ResumeInput): The answers to a pending login. Example: {'flow_token':
            'rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo', 'answers': {'email':
            'ada@example.com'}}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | JwtPairLogin | JwtPairUserLogin | JwtSlidingLogin | JwtSlidingUserLogin | KnoxLogin | KnoxUserLogin | SessionLogin | TokenLogin | TokenUserLogin | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: ResumeInput,
) -> (
    Any
    | JwtPairLogin
    | JwtPairUserLogin
    | JwtSlidingLogin
    | JwtSlidingUserLogin
    | KnoxLogin
    | KnoxUserLogin
    | SessionLogin
    | TokenLogin
    | TokenUserLogin
    | Problem
    | None
):
    """Resume a pending login

     A login that was answered 403 `additional_input_required` is pending for ten minutes. Post the
    answers under the names
    of the `fields`, with the `flow_token`. The answer is that of the login route, with its `kind`; or
    the same 403 again,
    with another flow token, if another step needs input. After an error the login is still pending;
    after a success its
    flow token cannot be used again.

    Args:
        body (ResumeInput): The answers to a pending login. Example: {'flow_token':
            'rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo', 'answers': {'email':
            'ada@example.com'}}.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | JwtPairLogin | JwtPairUserLogin | JwtSlidingLogin | JwtSlidingUserLogin | KnoxLogin | KnoxUserLogin | SessionLogin | TokenLogin | TokenUserLogin | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
