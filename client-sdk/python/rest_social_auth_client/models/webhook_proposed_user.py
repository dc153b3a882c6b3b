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


T = TypeVar("T", bound="WebhookProposedUser")


@_attrs_define
class WebhookProposedUser:
    """
    Attributes:
        username (str):
        first_name (str):
        last_name (str):
        email (str): May be empty.
        email_verified (bool):
        fields (WebhookFields | Unset): The fields of REST_SOCIAL_USER_FIELDS.
    """

    username: str
    first_name: str
    last_name: str
    email: str
    email_verified: bool
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
        field_dict.update(
            {
                "username": username,
                "first_name": first_name,
                "last_name": last_name,
                "email": email,
                "email_verified": email_verified,
            }
        )
        if fields is not UNSET:
            field_dict["fields"] = fields

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_fields import WebhookFields  # noqa: PLC0415

        d = dict(src_dict)
        username = d.pop("username")

        first_name = d.pop("first_name")

        last_name = d.pop("last_name")

        email = d.pop("email")

        email_verified = d.pop("email_verified")

        _fields = d.pop("fields", UNSET)
        fields: WebhookFields | Unset
        if isinstance(_fields, Unset):
            fields = UNSET
        else:
            fields = WebhookFields.from_dict(_fields)

        webhook_proposed_user = cls(
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_verified=email_verified,
            fields=fields,
        )

        webhook_proposed_user.additional_properties = d
        return webhook_proposed_user

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
