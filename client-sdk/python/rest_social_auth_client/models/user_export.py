from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.credential import Credential
    from ..models.exported_event import ExportedEvent
    from ..models.exported_user import ExportedUser
    from ..models.social_account import SocialAccount


T = TypeVar("T", bound="UserExport")


@_attrs_define
class UserExport:
    """All data of a user, without tokens and secrets.

    Attributes:
        exported (datetime.datetime): The time of the export.
        user (ExportedUser): The user with all stored fields. Example: {'id': 1, 'username': 'ada', 'first_name': 'Ada',
            'last_name': 'Lovelace', 'email': 'ada@example.com', 'email_verified': True, 'is_active': True, 'created':
            '2026-11-23T12:27:05.000Z', 'fields': {}, 'edited': []}.
        social_accounts (list[SocialAccount]):
        credentials (list[Credential]):
        events (list[ExportedEvent]): Newest first.
    """

    exported: datetime.datetime
    user: ExportedUser
    social_accounts: list[SocialAccount]
    credentials: list[Credential]
    events: list[ExportedEvent]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.credential import Credential  # noqa: PLC0415
        from ..models.exported_event import ExportedEvent  # noqa: PLC0415
        from ..models.exported_user import ExportedUser  # noqa: PLC0415
        from ..models.social_account import SocialAccount  # noqa: PLC0415

        exported = self.exported.isoformat()

        user = self.user.to_dict()

        social_accounts = []
        for social_accounts_item_data in self.social_accounts:
            social_accounts_item = social_accounts_item_data.to_dict()
            social_accounts.append(social_accounts_item)

        credentials = []
        for credentials_item_data in self.credentials:
            credentials_item = credentials_item_data.to_dict()
            credentials.append(credentials_item)

        events = []
        for events_item_data in self.events:
            events_item = events_item_data.to_dict()
            events.append(events_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "exported": exported,
                "user": user,
                "social_accounts": social_accounts,
                "credentials": credentials,
                "events": events,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.credential import Credential  # noqa: PLC0415
        from ..models.exported_event import ExportedEvent  # noqa: PLC0415
        from ..models.exported_user import ExportedUser  # noqa: PLC0415
        from ..models.social_account import SocialAccount  # noqa: PLC0415

        d = dict(src_dict)
        exported = datetime.datetime.fromisoformat(d.pop("exported"))

        user = ExportedUser.from_dict(d.pop("user"))

        social_accounts = []
        _social_accounts = d.pop("social_accounts")
        for social_accounts_item_data in _social_accounts:
            social_accounts_item = SocialAccount.from_dict(social_accounts_item_data)

            social_accounts.append(social_accounts_item)

        credentials = []
        _credentials = d.pop("credentials")
        for credentials_item_data in _credentials:
            credentials_item = Credential.from_dict(credentials_item_data)

            credentials.append(credentials_item)

        events = []
        _events = d.pop("events")
        for events_item_data in _events:
            events_item = ExportedEvent.from_dict(events_item_data)

            events.append(events_item)

        user_export = cls(
            exported=exported,
            user=user,
            social_accounts=social_accounts,
            credentials=credentials,
            events=events,
        )

        user_export.additional_properties = d
        return user_export

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
