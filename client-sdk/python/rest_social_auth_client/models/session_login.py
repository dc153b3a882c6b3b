from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.session_login_kind import SessionLoginKind
from ..types import UNSET, Unset


T = TypeVar("T", bound="SessionLogin")


@_attrs_define
class SessionLogin:
    """The answer to a session login.

    Attributes:
        id (int):
        username (str):
        first_name (str):
        last_name (str):
        email (str):
        kind (SessionLoginKind | Unset):
        is_new (bool | Unset):
    """

    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    kind: SessionLoginKind | Unset = UNSET
    is_new: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        username = self.username

        first_name = self.first_name

        last_name = self.last_name

        email = self.email

        kind: str | Unset = UNSET
        if not isinstance(self.kind, Unset):
            kind = self.kind.value

        is_new = self.is_new

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "username": username,
                "first_name": first_name,
                "last_name": last_name,
                "email": email,
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
        id = d.pop("id")

        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        _kind = d.pop("kind", UNSET)
        kind: SessionLoginKind | Unset
        if isinstance(_kind, Unset):
            kind = UNSET
        else:
            kind = SessionLoginKind(_kind)

        is_new = d.pop("is_new", UNSET)

        session_login = cls(
            id=id,
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            kind=kind,
            is_new=is_new,
        )

        session_login.additional_properties = d
        return session_login

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
