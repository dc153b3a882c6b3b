from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast

if TYPE_CHECKING:
    from ..models.webhook_proposed_account_extra_data import WebhookProposedAccountExtraData


T = TypeVar("T", bound="WebhookProposedAccount")


@_attrs_define
class WebhookProposedAccount:
    """
    Attributes:
        provider (str):
        uid (str): The user's id at the provider.
        extra_data (WebhookProposedAccountExtraData): What the provider said about the user.
    """

    provider: str
    uid: str
    extra_data: WebhookProposedAccountExtraData
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_proposed_account_extra_data import WebhookProposedAccountExtraData  # noqa: PLC0415

        provider = self.provider

        uid = self.uid

        extra_data = self.extra_data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "provider": provider,
                "uid": uid,
                "extra_data": extra_data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_proposed_account_extra_data import WebhookProposedAccountExtraData  # noqa: PLC0415

        d = dict(src_dict)
        provider = d.pop("provider")

        uid = d.pop("uid")

        extra_data = WebhookProposedAccountExtraData.from_dict(d.pop("extra_data"))

        webhook_proposed_account = cls(
            provider=provider,
            uid=uid,
            extra_data=extra_data,
        )

        webhook_proposed_account.additional_properties = d
        return webhook_proposed_account

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
