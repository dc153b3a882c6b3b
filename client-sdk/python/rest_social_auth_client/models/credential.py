from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.login_kind import LoginKind
from ..types import UNSET, Unset
from typing import cast
import datetime


T = TypeVar("T", bound="Credential")


@_attrs_define
class Credential:
    """A credential of the user.

    Example:
        {'id': '5f1c0a9e7d3b8246a1b2c3d4', 'kind': 'jwt-pair', 'current': True, 'created': '2026-11-23T12:27:05.000Z',
            'last_used': '2026-11-23T12:27:05.000Z', 'expires': '2026-11-23T12:27:05.000Z', 'ip': '203.0.113.7', 'agent':
            'Mozilla/5.0 (X11; Linux x86_64)'}

    Attributes:
        id (str): Identifies the credential in this API. It is not a secret.
        kind (LoginKind): A login route by its name in the URL.
        current (bool): Whether this call was made with it.
        created (datetime.datetime):
        last_used (datetime.datetime): Accurate to five minutes. For a JWT pair, the last refresh: the use of an access
            token is not recorded.
        expires (datetime.datetime | Unset): Absent if it does not expire.
        ip (str | Unset): The address that signed in; for a rotated pair, the address of the last refresh.
        agent (str | Unset): The User-Agent header of that request.
    """

    id: str
    kind: LoginKind
    current: bool
    created: datetime.datetime
    last_used: datetime.datetime
    expires: datetime.datetime | Unset = UNSET
    ip: str | Unset = UNSET
    agent: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        kind = self.kind.value

        current = self.current

        created = self.created.isoformat()

        last_used = self.last_used.isoformat()

        expires: str | Unset = UNSET
        if not isinstance(self.expires, Unset):
            expires = self.expires.isoformat()

        ip = self.ip

        agent = self.agent

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "kind": kind,
                "current": current,
                "created": created,
                "last_used": last_used,
            }
        )
        if expires is not UNSET:
            field_dict["expires"] = expires
        if ip is not UNSET:
            field_dict["ip"] = ip
        if agent is not UNSET:
            field_dict["agent"] = agent

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        kind = LoginKind(d.pop("kind"))

        current = d.pop("current")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        last_used = datetime.datetime.fromisoformat(d.pop("last_used"))

        _expires = d.pop("expires", UNSET)
        expires: datetime.datetime | Unset
        if isinstance(_expires, Unset):
            expires = UNSET
        else:
            expires = datetime.datetime.fromisoformat(_expires)

        ip = d.pop("ip", UNSET)

        agent = d.pop("agent", UNSET)

        credential = cls(
            id=id,
            kind=kind,
            current=current,
            created=created,
            last_used=last_used,
            expires=expires,
            ip=ip,
            agent=agent,
        )

        credential.additional_properties = d
        return credential

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
