from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.webhook_question_data import WebhookQuestionData


T = TypeVar("T", bound="WebhookQuestion")


@_attrs_define
class WebhookQuestion:
    """A user who would be created.

    Attributes:
        type_ (str): `user.creating`. Example: user.creating.
        timestamp (datetime.datetime):
        version (int):
        data (WebhookQuestionData):
    """

    type_: str
    timestamp: datetime.datetime
    version: int
    data: WebhookQuestionData
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_question_data import WebhookQuestionData  # noqa: PLC0415

        type_ = self.type_

        timestamp = self.timestamp.isoformat()

        version = self.version

        data = self.data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "timestamp": timestamp,
                "version": version,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_question_data import WebhookQuestionData  # noqa: PLC0415

        d = dict(src_dict)
        type_ = d.pop("type")

        timestamp = datetime.datetime.fromisoformat(d.pop("timestamp"))

        version = d.pop("version")

        data = WebhookQuestionData.from_dict(d.pop("data"))

        webhook_question = cls(
            type_=type_,
            timestamp=timestamp,
            version=version,
            data=data,
        )

        webhook_question.additional_properties = d
        return webhook_question

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
