from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.webhook_user_change import WebhookUserChange


T = TypeVar("T", bound="WebhookDecision")


@_attrs_define
class WebhookDecision:
    """
    Attributes:
        allow (bool): Whether the user is created.
        message (str | Unset): For the user, if `allow` is false.
        user (WebhookUserChange | Unset): Other values than the proposed ones.
    """

    allow: bool
    message: str | Unset = UNSET
    user: WebhookUserChange | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_user_change import WebhookUserChange  # noqa: PLC0415

        allow = self.allow

        message = self.message

        user: dict[str, Any] | Unset = UNSET
        if not isinstance(self.user, Unset):
            user = self.user.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "allow": allow,
            }
        )
        if message is not UNSET:
            field_dict["message"] = message
        if user is not UNSET:
            field_dict["user"] = user

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_user_change import WebhookUserChange  # noqa: PLC0415

        d = dict(src_dict)
        allow = d.pop("allow")

        message = d.pop("message", UNSET)

        _user = d.pop("user", UNSET)
        user: WebhookUserChange | Unset
        if isinstance(_user, Unset):
            user = UNSET
        else:
            user = WebhookUserChange.from_dict(_user)

        webhook_decision = cls(
            allow=allow,
            message=message,
            user=user,
        )

        webhook_decision.additional_properties = d
        return webhook_decision

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
