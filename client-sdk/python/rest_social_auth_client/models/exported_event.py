from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast
import datetime


T = TypeVar("T", bound="ExportedEvent")


@_attrs_define
class ExportedEvent:
    """An event of the audit log.

    Example:
        {'at': '2026-11-23T12:27:05.000Z', 'event': 'sign_in', 'provider': 'github', 'kind': 'jwt-pair', 'ip':
            '203.0.113.7', 'agent': 'Mozilla/5.0 (X11; Linux x86_64)', 'request_id': '0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b'}

    Attributes:
        at (datetime.datetime):
        event (str): Such as `sign_up`, `sign_in`, `link`, `unlink`, `provider_tokens_dropped`, `log_out`,
            `token_reused`, `updated`,
            `exported`, `refused`.
        code (str | Unset): The code of a refusal, or a detail of the event: `legacy_uid` for a login that found an
            imported account by the key
            of an earlier release.
        provider (str | Unset):
        kind (str | Unset): The kind of credential.
        service (str | Unset): The service of the operator that revoked a credential.
        ip (str | Unset):
        agent (str | Unset):
        request_id (str | Unset):
    """

    at: datetime.datetime
    event: str
    code: str | Unset = UNSET
    provider: str | Unset = UNSET
    kind: str | Unset = UNSET
    service: str | Unset = UNSET
    ip: str | Unset = UNSET
    agent: str | Unset = UNSET
    request_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at.isoformat()

        event = self.event

        code = self.code

        provider = self.provider

        kind = self.kind

        service = self.service

        ip = self.ip

        agent = self.agent

        request_id = self.request_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "event": event,
            }
        )
        if code is not UNSET:
            field_dict["code"] = code
        if provider is not UNSET:
            field_dict["provider"] = provider
        if kind is not UNSET:
            field_dict["kind"] = kind
        if service is not UNSET:
            field_dict["service"] = service
        if ip is not UNSET:
            field_dict["ip"] = ip
        if agent is not UNSET:
            field_dict["agent"] = agent
        if request_id is not UNSET:
            field_dict["request_id"] = request_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = datetime.datetime.fromisoformat(d.pop("at"))

        event = d.pop("event")

        code = d.pop("code", UNSET)

        provider = d.pop("provider", UNSET)

        kind = d.pop("kind", UNSET)

        service = d.pop("service", UNSET)

        ip = d.pop("ip", UNSET)

        agent = d.pop("agent", UNSET)

        request_id = d.pop("request_id", UNSET)

        exported_event = cls(
            at=at,
            event=event,
            code=code,
            provider=provider,
            kind=kind,
            service=service,
            ip=ip,
            agent=agent,
            request_id=request_id,
        )

        exported_event.additional_properties = d
        return exported_event

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
