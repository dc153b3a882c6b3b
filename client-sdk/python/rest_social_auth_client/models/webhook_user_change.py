from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.webhook_fields import WebhookFields


T = TypeVar("T", bound="WebhookUserChange")


@_attrs_define
class WebhookUserChange:
    """Other values than the proposed ones.

    Attributes:
        username (str | Unset):
        first_name (str | Unset):
        last_name (str | Unset):
        email (str | Unset):
        email_verified (bool | Unset): False by default for another `email`.
        fields (WebhookFields | Unset): The fields of REST_SOCIAL_USER_FIELDS.
    """

    username: str | Unset = UNSET
    first_name: str | Unset = UNSET
    last_name: str | Unset = UNSET
    email: str | Unset = UNSET
    email_verified: bool | Unset = UNSET
    fields: WebhookFields | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_fields import WebhookFields  # noqa: PLC0415

        username = self.username

        first_name = self.first_name

        last_name = self.last_name

        email = self.email

        email_verified = self.email_verified

        fields: dict[str, Any] | Unset = UNSET
        if not isinstance(self.fields, Unset):
            fields = self.fields.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if username is not UNSET:
            field_dict["username"] = username
        if first_name is not UNSET:
            field_dict["first_name"] = first_name
        if last_name is not UNSET:
            field_dict["last_name"] = last_name
        if email is not UNSET:
            field_dict["email"] = email
        if email_verified is not UNSET:
            field_dict["email_verified"] = email_verified
        if fields is not UNSET:
            field_dict["fields"] = fields

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_fields import WebhookFields  # noqa: PLC0415

        d = dict(src_dict)
        username = d.pop("username", UNSET)

        first_name = d.pop("first_name", UNSET)

        last_name = d.pop("last_name", UNSET)

        email = d.pop("email", UNSET)

        email_verified = d.pop("email_verified", UNSET)

        _fields = d.pop("fields", UNSET)
        fields: WebhookFields | Unset
        if isinstance(_fields, Unset):
            fields = UNSET
        else:
            fields = WebhookFields.from_dict(_fields)

        webhook_user_change = cls(
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_verified=email_verified,
            fields=fields,
        )

        webhook_user_change.additional_properties = d
        return webhook_user_change

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
