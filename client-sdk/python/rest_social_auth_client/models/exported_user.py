from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.exported_user_fields import ExportedUserFields


T = TypeVar("T", bound="ExportedUser")


@_attrs_define
class ExportedUser:
    """The user with all stored fields.

    Example:
        {'id': 1, 'username': 'ada', 'first_name': 'Ada', 'last_name': 'Lovelace', 'email': 'ada@example.com',
            'email_verified': True, 'is_active': True, 'created': '2026-11-23T12:27:05.000Z', 'fields': {}, 'edited': []}

    Attributes:
        id (int):
        username (str):
        first_name (str):
        last_name (str):
        email (str):
        email_verified (bool): Whether a trusted provider verified the e-mail address.
        is_active (bool):
        created (datetime.datetime):
        fields (ExportedUserFields): Declared and other fields, by name.
        edited (list[str]): Names of the fields that the user changed.
        last_login (datetime.datetime | Unset): The time of the last session login.
    """

    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    email_verified: bool
    is_active: bool
    created: datetime.datetime
    fields: ExportedUserFields
    edited: list[str]
    last_login: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.exported_user_fields import ExportedUserFields  # noqa: PLC0415

        id = self.id

        username = self.username

        first_name = self.first_name

        last_name = self.last_name

        email = self.email

        email_verified = self.email_verified

        is_active = self.is_active

        created = self.created.isoformat()

        fields = self.fields.to_dict()

        edited = self.edited

        last_login: str | Unset = UNSET
        if not isinstance(self.last_login, Unset):
            last_login = self.last_login.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "username": username,
                "first_name": first_name,
                "last_name": last_name,
                "email": email,
                "email_verified": email_verified,
                "is_active": is_active,
                "created": created,
                "fields": fields,
                "edited": edited,
            }
        )
        if last_login is not UNSET:
            field_dict["last_login"] = last_login

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.exported_user_fields import ExportedUserFields  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        email_verified = d.pop("email_verified")

        is_active = d.pop("is_active")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        fields = ExportedUserFields.from_dict(d.pop("fields"))

        edited = cast(list[str], d.pop("edited"))

        _last_login = d.pop("last_login", UNSET)
        last_login: datetime.datetime | Unset
        if isinstance(_last_login, Unset):
            last_login = UNSET
        else:
            last_login = datetime.datetime.fromisoformat(_last_login)

        exported_user = cls(
            id=id,
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_verified=email_verified,
            is_active=is_active,
            created=created,
            fields=fields,
            edited=edited,
            last_login=last_login,
        )

        exported_user.additional_properties = d
        return exported_user

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
