from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.token_login_kind import TokenLoginKind
from ..types import UNSET, Unset


T = TypeVar("T", bound="TokenLogin")


@_attrs_define
class TokenLogin:
    """A token without its user.

    Attributes:
        token (str):
        kind (TokenLoginKind | Unset):
        is_new (bool | Unset):
    """

    token: str
    kind: TokenLoginKind | Unset = UNSET
    is_new: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        token = self.token

        kind: str | Unset = UNSET
        if not isinstance(self.kind, Unset):
            kind = self.kind.value

        is_new = self.is_new

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "token": token,
            }
        )
        if kind is not UNSET:
            field_dict["kind"] = kind
        if is_new is not UNSET:
            field_dict["is_new"] = is_new

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        token = d.pop("token")

        _kind = d.pop("kind", UNSET)
        kind: TokenLoginKind | Unset
        if isinstance(_kind, Unset):
            kind = UNSET
        else:
            kind = TokenLoginKind(_kind)

        is_new = d.pop("is_new", UNSET)

        token_login = cls(
            token=token,
            kind=kind,
            is_new=is_new,
        )

        token_login.additional_properties = d
        return token_login

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
