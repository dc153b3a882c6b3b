from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.token_pair_data import TokenPairData


T = TypeVar("T", bound="TokenPair")


@_attrs_define
class TokenPair:
    """An access and a refresh token.

    Example:
        {'token': 'eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhIn0.YQ', 'refresh': 'eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJyIn0.cg'}

    Attributes:
        token (str): The access token, five minutes long: `Authorization: Bearer …`.
        refresh (str): The refresh token, one day long: post it to `/api/token/refresh/` for a new access token.
        is_new (bool | Unset): Whether this login created the user; only with REST_SOCIAL_IS_NEW.
        data (TokenPairData | Unset): The `data` with which the login began.
        app_state (str | Unset): The `app_state` with which the login began.
    """

    token: str
    refresh: str
    is_new: bool | Unset = UNSET
    data: TokenPairData | Unset = UNSET
    app_state: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.token_pair_data import TokenPairData  # noqa: PLC0415

        token = self.token

        refresh = self.refresh

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
                "refresh": refresh,
            }
        )
        if is_new is not UNSET:
            field_dict["is_new"] = is_new
        if data is not UNSET:
            field_dict["data"] = data
        if app_state is not UNSET:
            field_dict["app_state"] = app_state

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.token_pair_data import TokenPairData  # noqa: PLC0415

        d = dict(src_dict)
        token = d.pop("token")

        refresh = d.pop("refresh")

        is_new = d.pop("is_new", UNSET)

        _data = d.pop("data", UNSET)
        data: TokenPairData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = TokenPairData.from_dict(_data)

        app_state = d.pop("app_state", UNSET)

        token_pair = cls(
            token=token,
            refresh=refresh,
            is_new=is_new,
            data=data,
            app_state=app_state,
        )

        token_pair.additional_properties = d
        return token_pair

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
