from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.token_login_kind import TokenLoginKind
from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.token_login_data import TokenLoginData


T = TypeVar("T", bound="TokenLogin")


@_attrs_define
class TokenLogin:
    """A token without its user.

    Attributes:
        token (str):
        kind (TokenLoginKind | Unset):
        is_new (bool | Unset):
        data (TokenLoginData | Unset):
        app_state (str | Unset):
    """

    token: str
    kind: TokenLoginKind | Unset = UNSET
    is_new: bool | Unset = UNSET
    data: TokenLoginData | Unset = UNSET
    app_state: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.token_login_data import TokenLoginData  # noqa: PLC0415

        token = self.token

        kind: str | Unset = UNSET
        if not isinstance(self.kind, Unset):
            kind = self.kind.value

        is_new = self.is_new

        data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.data, Unset):
            data = self.data.to_dict()

        app_state = self.app_state

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
        if data is not UNSET:
            field_dict["data"] = data
        if app_state is not UNSET:
            field_dict["app_state"] = app_state

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.token_login_data import TokenLoginData  # noqa: PLC0415

        d = dict(src_dict)
        token = d.pop("token")

        _kind = d.pop("kind", UNSET)
        kind: TokenLoginKind | Unset
        if isinstance(_kind, Unset):
            kind = UNSET
        else:
            kind = TokenLoginKind(_kind)

        is_new = d.pop("is_new", UNSET)

        _data = d.pop("data", UNSET)
        data: TokenLoginData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = TokenLoginData.from_dict(_data)

        app_state = d.pop("app_state", UNSET)

        token_login = cls(
            token=token,
            kind=kind,
            is_new=is_new,
            data=data,
            app_state=app_state,
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
