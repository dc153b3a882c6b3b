from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.login_kind import LoginKind
from ..models.provider_protocol import ProviderProtocol
from ..types import UNSET, Unset
from typing import cast


T = TypeVar("T", bound="Provider")


@_attrs_define
class Provider:
    """A provider, with what a front-end needs.

    Example:
        {'name': 'github', 'title': 'GitHub', 'protocol': 'oauth2', 'client_id': 'Iv1.8a61f9b3a7aba766',
            'authorization_url': 'https://github.com/login/oauth/authorize', 'scope': 'read:user user:email',
            'redirect_uri': 'https://app.example.com/callback', 'kinds': ['session', 'jwt-pair']}

    Attributes:
        name (str): The name in URLs.
        title (str): The name for users.
        protocol (ProviderProtocol): The protocol of a provider.
        client_id (str):
        scope (str): The configured scopes, joined with the provider's separator.
        kinds (list[LoginKind]): The login routes that it supports.
        authorization_url (str | Unset): For a front-end that builds the URL itself; absent if only the provider's
            discovery document has it.
        redirect_uri (str | Unset): The redirect URI of a login from this page without its own `redirect_uri`; absent if
            this page may have none.
    """

    name: str
    title: str
    protocol: ProviderProtocol
    client_id: str
    scope: str
    kinds: list[LoginKind]
    authorization_url: str | Unset = UNSET
    redirect_uri: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        title = self.title

        protocol = self.protocol.value

        client_id = self.client_id

        scope = self.scope

        kinds = []
        for kinds_item_data in self.kinds:
            kinds_item = kinds_item_data.value
            kinds.append(kinds_item)

        authorization_url = self.authorization_url

        redirect_uri = self.redirect_uri

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "title": title,
                "protocol": protocol,
                "client_id": client_id,
                "scope": scope,
                "kinds": kinds,
            }
        )
        if authorization_url is not UNSET:
            field_dict["authorization_url"] = authorization_url
        if redirect_uri is not UNSET:
            field_dict["redirect_uri"] = redirect_uri

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        title = d.pop("title")

        protocol = ProviderProtocol(d.pop("protocol"))

        client_id = d.pop("client_id")

        scope = d.pop("scope")

        kinds = []
        _kinds = d.pop("kinds")
        for kinds_item_data in _kinds:
            kinds_item = LoginKind(kinds_item_data)

            kinds.append(kinds_item)

        authorization_url = d.pop("authorization_url", UNSET)

        redirect_uri = d.pop("redirect_uri", UNSET)

        provider = cls(
            name=name,
            title=title,
            protocol=protocol,
            client_id=client_id,
            scope=scope,
            kinds=kinds,
            authorization_url=authorization_url,
            redirect_uri=redirect_uri,
        )

        provider.additional_properties = d
        return provider

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
