from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset


T = TypeVar("T", bound="TokenMessage")


@_attrs_define
class TokenMessage:
    """Why a JWT is not valid as one class of token.

    Attributes:
        token_class (str): `AccessToken` or `SlidingToken`.
        token_type (str): `access` or `sliding`.
        message (str):
    """

    token_class: str
    token_type: str
    message: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        token_class = self.token_class

        token_type = self.token_type

        message = self.message

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "token_class": token_class,
                "token_type": token_type,
                "message": message,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        token_class = d.pop("token_class")

        token_type = d.pop("token_type")

        message = d.pop("message")

        token_message = cls(
            token_class=token_class,
            token_type=token_type,
            message=message,
        )

        token_message.additional_properties = d
        return token_message

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
