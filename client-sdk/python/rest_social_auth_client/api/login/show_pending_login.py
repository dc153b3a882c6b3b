from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.problem import Problem
from ...types import UNSET, Unset
from typing import cast


def _get_kwargs(
    *,
    code: str,
    ui_locales: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["code"] = code

    params["ui_locales"] = ui_locales

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/login/social/resume/",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | str | None:
    if response.status_code == 200:
        response_200 = response.text
        return response_200

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 405:
        response_405 = Problem.from_dict(response.json())

        return response_405

    if response.status_code == 406:
        response_406 = Problem.from_dict(response.json())

        return response_406

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    code: str,
    ui_locales: str | Unset = UNSET,
) -> Response[Problem | str]:
    """Show the page of a pending login

     For a login of the redirect flow that ended at `next` with `halted` and a `code`: a page of this
    server with a form
    for the requested fields. It needs no script, and the browser that signed in. Showing it does not
    consume the code.
    After the form, the server redirects to `next` again; with `error=access_denied`, if the user
    cancels.

    Args:
        code (str):
        ui_locales (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | str]
    """

    kwargs = _get_kwargs(
        code=code,
        ui_locales=ui_locales,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    code: str,
    ui_locales: str | Unset = UNSET,
) -> Problem | str | None:
    """Show the page of a pending login

     For a login of the redirect flow that ended at `next` with `halted` and a `code`: a page of this
    server with a form
    for the requested fields. It needs no script, and the browser that signed in. Showing it does not
    consume the code.
    After the form, the server redirects to `next` again; with `error=access_denied`, if the user
    cancels.

    Args:
        code (str):
        ui_locales (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | str
    """

    return sync_detailed(
        client=client,
        code=code,
        ui_locales=ui_locales,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    code: str,
    ui_locales: str | Unset = UNSET,
) -> Response[Problem | str]:
    """Show the page of a pending login

     For a login of the redirect flow that ended at `next` with `halted` and a `code`: a page of this
    server with a form
    for the requested fields. It needs no script, and the browser that signed in. Showing it does not
    consume the code.
    After the form, the server redirects to `next` again; with `error=access_denied`, if the user
    cancels.

    Args:
        code (str):
        ui_locales (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | str]
    """

    kwargs = _get_kwargs(
        code=code,
        ui_locales=ui_locales,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    code: str,
    ui_locales: str | Unset = UNSET,
) -> Problem | str | None:
    """Show the page of a pending login

     For a login of the redirect flow that ended at `next` with `halted` and a `code`: a page of this
    server with a form
    for the requested fields. It needs no script, and the browser that signed in. Showing it does not
    consume the code.
    After the form, the server redirects to `next` again; with `error=access_denied`, if the user
    cancels.

    Args:
        code (str):
        ui_locales (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | str
    """

    return (
        await asyncio_detailed(
            client=client,
            code=code,
            ui_locales=ui_locales,
        )
    ).parsed
