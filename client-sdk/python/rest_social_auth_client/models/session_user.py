from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.session_user_data import SessionUserData


T = TypeVar("T", bound="SessionUser")


@_attrs_define
class SessionUser:
    """The answer to a session login.

    Attributes:
        id (int):
        username (str): Unique. Derived from the provider's username at sign-up; later logins do not change it.
        first_name (str):
        last_name (str):
        email (str): May be empty. Not unique: do not identify a user by it.
        is_new (bool | Unset): Whether this login created the user; only with REST_SOCIAL_IS_NEW.
        data (SessionUserData | Unset): The `data` with which the login began.
        app_state (str | Unset): The `app_state` with which the login began.
    """

    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    is_new: bool | Unset = UNSET
    data: SessionUserData | Unset = UNSET
    app_state: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.session_user_data import SessionUserData  # noqa: PLC0415

        id = self.id

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
                "id": id,
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
        from ..models.session_user_data import SessionUserData  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        is_new = d.pop("is_new", UNSET)

        _data = d.pop("data", UNSET)
        data: SessionUserData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = SessionUserData.from_dict(_data)

        app_state = d.pop("app_state", UNSET)

        session_user = cls(
            id=id,
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            is_new=is_new,
            data=data,
            app_state=app_state,
        )

        session_user.additional_properties = d
        return session_user

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
