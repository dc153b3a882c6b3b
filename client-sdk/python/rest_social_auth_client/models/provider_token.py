from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset


T = TypeVar("T", bound="ProviderToken")


@_attrs_define
class ProviderToken:
    """A provider token: it authorizes calls to the provider on behalf of the user.

    Example:
        {'access_token': 'ya29.a0AfB_byC', 'token_type': 'Bearer', 'expires_in': 3599}

    Attributes:
        access_token (str):
        token_type (str | Unset):
        expires_in (int | Unset): In seconds; absent if the provider did not send a lifetime.
        oauth_token_secret (str | Unset): OAuth 1.0a.
    """

    access_token: str
    token_type: str | Unset = UNSET
    expires_in: int | Unset = UNSET
    oauth_token_secret: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        access_token = self.access_token

        token_type = self.token_type

        expires_in = self.expires_in

        oauth_token_secret = self.oauth_token_secret

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "access_token": access_token,
            }
        )
        if token_type is not UNSET:
            field_dict["token_type"] = token_type
        if expires_in is not UNSET:
            field_dict["expires_in"] = expires_in
        if oauth_token_secret is not UNSET:
            field_dict["oauth_token_secret"] = oauth_token_secret

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        access_token = d.pop("access_token")

        token_type = d.pop("token_type", UNSET)

        expires_in = d.pop("expires_in", UNSET)

        oauth_token_secret = d.pop("oauth_token_secret", UNSET)

        provider_token = cls(
            access_token=access_token,
            token_type=token_type,
            expires_in=expires_in,
            oauth_token_secret=oauth_token_secret,
        )

        provider_token.additional_properties = d
        return provider_token

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
