from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.social_account_extra_data import SocialAccountExtraData


T = TypeVar("T", bound="SocialAccount")


@_attrs_define
class SocialAccount:
    """A provider's account that signs the user in.

    Example:
        {'id': 1, 'provider': 'github', 'uid': '1815', 'extra_data': {'auth_time': 1795436825, 'id': 1815, 'login':
            'ada', 'token_type': 'bearer'}, 'created': '2026-11-23T12:27:05.000Z', 'modified': '2026-11-23T12:27:05.000Z'}

    Attributes:
        id (int):
        provider (str):
        uid (str): The user's id at the provider.
        extra_data (SocialAccountExtraData): Other data from the provider, without tokens and secrets.
        created (datetime.datetime):
        modified (datetime.datetime):
    """

    id: int
    provider: str
    uid: str
    extra_data: SocialAccountExtraData
    created: datetime.datetime
    modified: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.social_account_extra_data import SocialAccountExtraData  # noqa: PLC0415

        id = self.id

        provider = self.provider

        uid = self.uid

        extra_data = self.extra_data.to_dict()

        created = self.created.isoformat()

        modified = self.modified.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "provider": provider,
                "uid": uid,
                "extra_data": extra_data,
                "created": created,
                "modified": modified,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.social_account_extra_data import SocialAccountExtraData  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        provider = d.pop("provider")

        uid = d.pop("uid")

        extra_data = SocialAccountExtraData.from_dict(d.pop("extra_data"))

        created = datetime.datetime.fromisoformat(d.pop("created"))

        modified = datetime.datetime.fromisoformat(d.pop("modified"))

        social_account = cls(
            id=id,
            provider=provider,
            uid=uid,
            extra_data=extra_data,
            created=created,
            modified=modified,
        )

        social_account.additional_properties = d
        return social_account

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
