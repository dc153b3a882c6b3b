from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset


T = TypeVar("T", bound="LoginInput")


@_attrs_define
class LoginInput:
    """The body of a login whose URL names no provider: the provider, and the parameters of its callback.

    Example:
        {'provider': 'github', 'code': 'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}

    Attributes:
        provider (str): The provider's name, as `/api/login/social/providers/` lists it.
        code (str | Unset): The authorization code. Required in OAuth 2.0 and OpenID Connect.
        state (str | Unset): The state from begin. A state that this server did not make is ignored, unless STATE_POLICY
            is `required`.
        flow_token (str | Unset): The flow token from begin, for clients without cookies.
        redirect_uri (str | Unset): The redirect URI that the code was issued for: one of ALLOWED_REDIRECT_URIS. Not
            needed after begin.
        code_verifier (str | Unset): The verifier of the front-end's own PKCE pair (RFC 7636).
        id_token (str | Unset): Instead of a code: the ID token that the provider's SDK gave to an app, at most ten
            minutes old and for one use.
            `credential`, Google One Tap's name, is accepted too.
        nonce (str | Unset): The nonce that the app gave to the provider's SDK, if the login was not begun here.
        iss (str | Unset): The issuer from the callback (RFC 9207).
        oauth_token (str | Unset): OAuth 1.0a: the request token from the callback.
        oauth_verifier (str | Unset): OAuth 1.0a: the verifier from the callback.
        error (str | Unset): The error from the callback, instead of a code.
    """

    provider: str
    code: str | Unset = UNSET
    state: str | Unset = UNSET
    flow_token: str | Unset = UNSET
    redirect_uri: str | Unset = UNSET
    code_verifier: str | Unset = UNSET
    id_token: str | Unset = UNSET
    nonce: str | Unset = UNSET
    iss: str | Unset = UNSET
    oauth_token: str | Unset = UNSET
    oauth_verifier: str | Unset = UNSET
    error: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        code = self.code

        state = self.state

        flow_token = self.flow_token

        redirect_uri = self.redirect_uri

        code_verifier = self.code_verifier

        id_token = self.id_token

        nonce = self.nonce

        iss = self.iss

        oauth_token = self.oauth_token

        oauth_verifier = self.oauth_verifier

        error = self.error

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "provider": provider,
            }
        )
        if code is not UNSET:
            field_dict["code"] = code
        if state is not UNSET:
            field_dict["state"] = state
        if flow_token is not UNSET:
            field_dict["flow_token"] = flow_token
        if redirect_uri is not UNSET:
            field_dict["redirect_uri"] = redirect_uri
        if code_verifier is not UNSET:
            field_dict["code_verifier"] = code_verifier
        if id_token is not UNSET:
            field_dict["id_token"] = id_token
        if nonce is not UNSET:
            field_dict["nonce"] = nonce
        if iss is not UNSET:
            field_dict["iss"] = iss
        if oauth_token is not UNSET:
            field_dict["oauth_token"] = oauth_token
        if oauth_verifier is not UNSET:
            field_dict["oauth_verifier"] = oauth_verifier
        if error is not UNSET:
            field_dict["error"] = error

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        provider = d.pop("provider")

        code = d.pop("code", UNSET)

        state = d.pop("state", UNSET)

        flow_token = d.pop("flow_token", UNSET)

        redirect_uri = d.pop("redirect_uri", UNSET)

        code_verifier = d.pop("code_verifier", UNSET)

        id_token = d.pop("id_token", UNSET)

        nonce = d.pop("nonce", UNSET)

        iss = d.pop("iss", UNSET)

        oauth_token = d.pop("oauth_token", UNSET)

        oauth_verifier = d.pop("oauth_verifier", UNSET)

        error = d.pop("error", UNSET)

        login_input = cls(
            provider=provider,
            code=code,
            state=state,
            flow_token=flow_token,
            redirect_uri=redirect_uri,
            code_verifier=code_verifier,
            id_token=id_token,
            nonce=nonce,
            iss=iss,
            oauth_token=oauth_token,
            oauth_verifier=oauth_verifier,
            error=error,
        )

        login_input.additional_properties = d
        return login_input

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
