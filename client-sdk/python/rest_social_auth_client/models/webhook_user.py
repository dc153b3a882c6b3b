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
    from ..models.webhook_fields import WebhookFields


T = TypeVar("T", bound="WebhookUser")


@_attrs_define
class WebhookUser:
    """The user after the change.

    Attributes:
        id (int):
        username (str):
        first_name (str):
        last_name (str):
        email (str): May be empty.
        email_verified (bool):
        is_active (bool):
        created (datetime.datetime):
        fields (WebhookFields | Unset): The fields of REST_SOCIAL_USER_FIELDS.
    """

    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    email_verified: bool
    is_active: bool
    created: datetime.datetime
    fields: WebhookFields | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_fields import WebhookFields  # noqa: PLC0415

        id = self.id

        username = self.username

        first_name = self.first_name

        last_name = self.last_name

        email = self.email

        email_verified = self.email_verified

        is_active = self.is_active

        created = self.created.isoformat()

        fields: dict[str, Any] | Unset = UNSET
        if not isinstance(self.fields, Unset):
            fields = self.fields.to_dict()

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
            }
        )
        if fields is not UNSET:
            field_dict["fields"] = fields

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_fields import WebhookFields  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        email_verified = d.pop("email_verified")

        is_active = d.pop("is_active")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        _fields = d.pop("fields", UNSET)
        fields: WebhookFields | Unset
        if isinstance(_fields, Unset):
            fields = UNSET
        else:
            fields = WebhookFields.from_dict(_fields)

        webhook_user = cls(
            id=id,
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_verified=email_verified,
            is_active=is_active,
            created=created,
            fields=fields,
        )

        webhook_user.additional_properties = d
        return webhook_user

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
