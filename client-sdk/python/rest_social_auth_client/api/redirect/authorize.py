from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.login_kind import LoginKind
from ...models.problem import Problem
from ...types import UNSET, Unset
from typing import cast


def _get_kwargs(
    provider: str,
    *,
    next_: str | Unset = UNSET,
    kind: LoginKind | Unset = UNSET,
    scope: str | Unset = UNSET,
    code_challenge: str | Unset = UNSET,
    code_challenge_method: str | Unset = UNSET,
    prompt: str | Unset = UNSET,
    login_hint: str | Unset = UNSET,
    max_age: int | Unset = UNSET,
    ui_locales: str | Unset = UNSET,
    acr_values: str | Unset = UNSET,
    domain_hint: str | Unset = UNSET,
    data: str | Unset = UNSET,
    app_state: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["next"] = next_

    json_kind: str | Unset = UNSET
    if not isinstance(kind, Unset):
        json_kind = kind.value

    params["kind"] = json_kind

    params["scope"] = scope

    params["code_challenge"] = code_challenge

    params["code_challenge_method"] = code_challenge_method

    params["prompt"] = prompt

    params["login_hint"] = login_hint

    params["max_age"] = max_age

    params["ui_locales"] = ui_locales

    params["acr_values"] = acr_values

    params["domain_hint"] = domain_hint

    params["data"] = data

    params["app_state"] = app_state

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/login/social/authorize/{provider}/".format(
            provider=quote(str(provider), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Any | Problem | None:
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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Any | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    provider: str,
    *,
    client: AuthenticatedClient,
    next_: str | Unset = UNSET,
    kind: LoginKind | Unset = UNSET,
    scope: str | Unset = UNSET,
    code_challenge: str | Unset = UNSET,
    code_challenge_method: str | Unset = UNSET,
    prompt: str | Unset = UNSET,
    login_hint: str | Unset = UNSET,
    max_age: int | Unset = UNSET,
    ui_locales: str | Unset = UNSET,
    acr_values: str | Unset = UNSET,
    domain_hint: str | Unset = UNSET,
    data: str | Unset = UNSET,
    app_state: str | Unset = UNSET,
) -> Response[Any | Problem]:
    """Send the user to a provider

     For links on pages without script, and for native apps. The provider sends the user back to this
    server, which
    redirects to `next`: with a session cookie, or with a one-time `code` that an app exchanges within
    60 seconds. If a
    step needs additional input, `halted` names the step: an app exchanges the `code` for the fields; a
    page sends the
    user to `/api/login/social/resume/?code=…`, a form that redirects to `next` again. An error is sent
    to `next` as
    `error`, with its code. With REST_SOCIAL_IS_NEW, a session login has `is_new` too. If the request
    has a session
    cookie and the link is on a page of the same site, the account is linked to the session's user.

    Args:
        provider (str):
        next_ (str | Unset):
        kind (LoginKind | Unset): A login route by its name in the URL.
        scope (str | Unset):
        code_challenge (str | Unset):
        code_challenge_method (str | Unset):
        prompt (str | Unset):
        login_hint (str | Unset):
        max_age (int | Unset):
        ui_locales (str | Unset):
        acr_values (str | Unset):
        domain_hint (str | Unset):
        data (str | Unset):
        app_state (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Problem]
    """

    kwargs = _get_kwargs(
        provider=provider,
        next_=next_,
        kind=kind,
        scope=scope,
        code_challenge=code_challenge,
        code_challenge_method=code_challenge_method,
        prompt=prompt,
        login_hint=login_hint,
        max_age=max_age,
        ui_locales=ui_locales,
        acr_values=acr_values,
        domain_hint=domain_hint,
        data=data,
        app_state=app_state,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    provider: str,
    *,
    client: AuthenticatedClient,
    next_: str | Unset = UNSET,
    kind: LoginKind | Unset = UNSET,
    scope: str | Unset = UNSET,
    code_challenge: str | Unset = UNSET,
    code_challenge_method: str | Unset = UNSET,
    prompt: str | Unset = UNSET,
    login_hint: str | Unset = UNSET,
    max_age: int | Unset = UNSET,
    ui_locales: str | Unset = UNSET,
    acr_values: str | Unset = UNSET,
    domain_hint: str | Unset = UNSET,
    data: str | Unset = UNSET,
    app_state: str | Unset = UNSET,
) -> Any | Problem | None:
    """Send the user to a provider

     For links on pages without script, and for native apps. The provider sends the user back to this
    server, which
    redirects to `next`: with a session cookie, or with a one-time `code` that an app exchanges within
    60 seconds. If a
    step needs additional input, `halted` names the step: an app exchanges the `code` for the fields; a
    page sends the
    user to `/api/login/social/resume/?code=…`, a form that redirects to `next` again. An error is sent
    to `next` as
    `error`, with its code. With REST_SOCIAL_IS_NEW, a session login has `is_new` too. If the request
    has a session
    cookie and the link is on a page of the same site, the account is linked to the session's user.

    Args:
        provider (str):
        next_ (str | Unset):
        kind (LoginKind | Unset): A login route by its name in the URL.
        scope (str | Unset):
        code_challenge (str | Unset):
        code_challenge_method (str | Unset):
        prompt (str | Unset):
        login_hint (str | Unset):
        max_age (int | Unset):
        ui_locales (str | Unset):
        acr_values (str | Unset):
        domain_hint (str | Unset):
        data (str | Unset):
        app_state (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Problem
    """

    return sync_detailed(
        provider=provider,
        client=client,
        next_=next_,
        kind=kind,
        scope=scope,
        code_challenge=code_challenge,
        code_challenge_method=code_challenge_method,
        prompt=prompt,
        login_hint=login_hint,
        max_age=max_age,
        ui_locales=ui_locales,
        acr_values=acr_values,
        domain_hint=domain_hint,
        data=data,
        app_state=app_state,
    ).parsed


async def asyncio_detailed(
    provider: str,
    *,
    client: AuthenticatedClient,
    next_: str | Unset = UNSET,
    kind: LoginKind | Unset = UNSET,
    scope: str | Unset = UNSET,
    code_challenge: str | Unset = UNSET,
    code_challenge_method: str | Unset = UNSET,
    prompt: str | Unset = UNSET,
    login_hint: str | Unset = UNSET,
    max_age: int | Unset = UNSET,
    ui_locales: str | Unset = UNSET,
    acr_values: str | Unset = UNSET,
    domain_hint: str | Unset = UNSET,
    data: str | Unset = UNSET,
    app_state: str | Unset = UNSET,
) -> Response[Any | Problem]:
    """Send the user to a provider

     For links on pages without script, and for native apps. The provider sends the user back to this
    server, which
    redirects to `next`: with a session cookie, or with a one-time `code` that an app exchanges within
    60 seconds. If a
    step needs additional input, `halted` names the step: an app exchanges the `code` for the fields; a
    page sends the
    user to `/api/login/social/resume/?code=…`, a form that redirects to `next` again. An error is sent
    to `next` as
    `error`, with its code. With REST_SOCIAL_IS_NEW, a session login has `is_new` too. If the request
    has a session
    cookie and the link is on a page of the same site, the account is linked to the session's user.

    Args:
        provider (str):
        next_ (str | Unset):
        kind (LoginKind | Unset): A login route by its name in the URL.
        scope (str | Unset):
        code_challenge (str | Unset):
        code_challenge_method (str | Unset):
        prompt (str | Unset):
        login_hint (str | Unset):
        max_age (int | Unset):
        ui_locales (str | Unset):
        acr_values (str | Unset):
        domain_hint (str | Unset):
        data (str | Unset):
        app_state (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Problem]
    """

    kwargs = _get_kwargs(
        provider=provider,
        next_=next_,
        kind=kind,
        scope=scope,
        code_challenge=code_challenge,
        code_challenge_method=code_challenge_method,
        prompt=prompt,
        login_hint=login_hint,
        max_age=max_age,
        ui_locales=ui_locales,
        acr_values=acr_values,
        domain_hint=domain_hint,
        data=data,
        app_state=app_state,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    provider: str,
    *,
    client: AuthenticatedClient,
    next_: str | Unset = UNSET,
    kind: LoginKind | Unset = UNSET,
    scope: str | Unset = UNSET,
    code_challenge: str | Unset = UNSET,
    code_challenge_method: str | Unset = UNSET,
    prompt: str | Unset = UNSET,
    login_hint: str | Unset = UNSET,
    max_age: int | Unset = UNSET,
    ui_locales: str | Unset = UNSET,
    acr_values: str | Unset = UNSET,
    domain_hint: str | Unset = UNSET,
    data: str | Unset = UNSET,
    app_state: str | Unset = UNSET,
) -> Any | Problem | None:
    """Send the user to a provider

     For links on pages without script, and for native apps. The provider sends the user back to this
    server, which
    redirects to `next`: with a session cookie, or with a one-time `code` that an app exchanges within
    60 seconds. If a
    step needs additional input, `halted` names the step: an app exchanges the `code` for the fields; a
    page sends the
    user to `/api/login/social/resume/?code=…`, a form that redirects to `next` again. An error is sent
    to `next` as
    `error`, with its code. With REST_SOCIAL_IS_NEW, a session login has `is_new` too. If the request
    has a session
    cookie and the link is on a page of the same site, the account is linked to the session's user.

    Args:
        provider (str):
        next_ (str | Unset):
        kind (LoginKind | Unset): A login route by its name in the URL.
        scope (str | Unset):
        code_challenge (str | Unset):
        code_challenge_method (str | Unset):
        prompt (str | Unset):
        login_hint (str | Unset):
        max_age (int | Unset):
        ui_locales (str | Unset):
        acr_values (str | Unset):
        domain_hint (str | Unset):
        data (str | Unset):
        app_state (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Problem
    """

    return (
        await asyncio_detailed(
            provider=provider,
            client=client,
            next_=next_,
            kind=kind,
            scope=scope,
            code_challenge=code_challenge,
            code_challenge_method=code_challenge_method,
            prompt=prompt,
            login_hint=login_hint,
            max_age=max_age,
            ui_locales=ui_locales,
            acr_values=acr_values,
            domain_hint=domain_hint,
            data=data,
            app_state=app_state,
        )
    ).parsed
