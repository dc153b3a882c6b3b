from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset


T = TypeVar("T", bound="AuthorizationRequest")


@_attrs_define
class AuthorizationRequest:
    """An authorization request: a login that was begun and is not completed.

    Example:
        {'authorization_url': 'https://github.com/login/oauth/authorize?client_id=Iv1.8a61&state=pjEpjvYl', 'state':
            'pjEpjvYl', 'flow_token': 'rsaf_xCPdtVQK2q0dC0GqYzX4c0QbK3S8Jm8m1sZl0p5yW9E', 'expires_in': 600, 'provider':
            'github', 'redirect_uri': 'https://app.example.com/callback', 'next': '/account'}

    Attributes:
        authorization_url (str): Where to send the user.
        state (str): The provider returns it in the callback; post it with the code.
        flow_token (str): Replaces the authorization request cookie in clients without cookies. Do not put it into URLs.
        expires_in (int): Seconds until the login must be completed.
        provider (str):
        redirect_uri (str): The redirect URI that the provider sends the user to.
        next_ (str | Unset): The checked `next` of the request.
        nonce (str | Unset): For an app that posts the `id_token` of the provider's SDK instead of a code: the nonce
            that the SDK must put into
            the token, unchanged or as hex SHA-256. Absent if the provider publishes no keys.
    """

    authorization_url: str
    state: str
    flow_token: str
    expires_in: int
    provider: str
    redirect_uri: str
    next_: str | Unset = UNSET
    nonce: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        authorization_url = self.authorization_url

        state = self.state

        flow_token = self.flow_token

        expires_in = self.expires_in

        provider = self.provider

        redirect_uri = self.redirect_uri

        next_ = self.next_

        nonce = self.nonce

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "authorization_url": authorization_url,
                "state": state,
                "flow_token": flow_token,
                "expires_in": expires_in,
                "provider": provider,
                "redirect_uri": redirect_uri,
            }
        )
        if next_ is not UNSET:
            field_dict["next"] = next_
        if nonce is not UNSET:
            field_dict["nonce"] = nonce

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        authorization_url = d.pop("authorization_url")

        state = d.pop("state")

        flow_token = d.pop("flow_token")

        expires_in = d.pop("expires_in")

        provider = d.pop("provider")

        redirect_uri = d.pop("redirect_uri")

        next_ = d.pop("next", UNSET)

        nonce = d.pop("nonce", UNSET)

        authorization_request = cls(
            authorization_url=authorization_url,
            state=state,
            flow_token=flow_token,
            expires_in=expires_in,
            provider=provider,
            redirect_uri=redirect_uri,
            next_=next_,
            nonce=nonce,
        )

        authorization_request.additional_properties = d
        return authorization_request

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
