from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.jwt_pair_user_login_kind import JwtPairUserLoginKind
from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.jwt_pair_user_login_data import JwtPairUserLoginData


T = TypeVar("T", bound="JwtPairUserLogin")


@_attrs_define
class JwtPairUserLogin:
    """An access and a refresh token, and their user.

    Attributes:
        kind (JwtPairUserLoginKind):
        id (int):
        token (str):
        refresh (str):
        username (str):
        first_name (str):
        last_name (str):
        email (str):
        is_new (bool | Unset):
        data (JwtPairUserLoginData | Unset):
        app_state (str | Unset):
    """

    kind: JwtPairUserLoginKind
    id: int
    token: str
    refresh: str
    username: str
    first_name: str
    last_name: str
    email: str
    is_new: bool | Unset = UNSET
    data: JwtPairUserLoginData | Unset = UNSET
    app_state: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.jwt_pair_user_login_data import JwtPairUserLoginData  # noqa: PLC0415

        kind = self.kind.value

        id = self.id

        token = self.token

        refresh = self.refresh

        username = self.username

        first_name = self.first_name

        last_name = self.last_name

        email = self.email

        is_new = self.is_new

        data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.data, Unset):
            data = self.data.to_dict()

        app_state = self.app_state

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kind": kind,
                "id": id,
                "token": token,
                "refresh": refresh,
                "username": username,
                "first_name": first_name,
                "last_name": last_name,
                "email": email,
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
        from ..models.jwt_pair_user_login_data import JwtPairUserLoginData  # noqa: PLC0415

        d = dict(src_dict)
        kind = JwtPairUserLoginKind(d.pop("kind"))

        id = d.pop("id")

        token = d.pop("token")

        refresh = d.pop("refresh")

        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        is_new = d.pop("is_new", UNSET)

        _data = d.pop("data", UNSET)
        data: JwtPairUserLoginData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = JwtPairUserLoginData.from_dict(_data)

        app_state = d.pop("app_state", UNSET)

        jwt_pair_user_login = cls(
            kind=kind,
            id=id,
            token=token,
            refresh=refresh,
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            is_new=is_new,
            data=data,
            app_state=app_state,
        )

        jwt_pair_user_login.additional_properties = d
        return jwt_pair_user_login

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
