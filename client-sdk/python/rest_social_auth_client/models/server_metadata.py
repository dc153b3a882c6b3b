from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast


T = TypeVar("T", bound="ServerMetadata")


@_attrs_define
class ServerMetadata:
    """Authorization server metadata.

    Attributes:
        issuer (str): The URL of the server, without a slash at its end: that of this document (RFC 8414, 3.3). Without
            SIMPLE_JWT_ISSUER it is
            also `iss` of JWTs with an asymmetric algorithm.
        jwks_uri (str): The public keys that verify JWTs.
        response_types_supported (list[str]): Empty: the server has no authorization endpoint.
        grant_types_supported (list[str]): Empty: the server has no token endpoint of OAuth.
        introspection_endpoint (str): Token introspection (RFC 7662).
        introspection_endpoint_auth_methods_supported (list[str]):
        revocation_endpoint (str): Token revocation (RFC 7009).
        revocation_endpoint_auth_methods_supported (list[str]):
        access_token_signing_alg_values_supported (list[str] | Unset): The algorithms of the keys in the key set; absent
            with the HS algorithms.
    """

    issuer: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    access_token_signing_alg_values_supported: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        issuer = self.issuer

        jwks_uri = self.jwks_uri

        response_types_supported = self.response_types_supported

        grant_types_supported = self.grant_types_supported

        introspection_endpoint = self.introspection_endpoint

        introspection_endpoint_auth_methods_supported = self.introspection_endpoint_auth_methods_supported

        revocation_endpoint = self.revocation_endpoint

        revocation_endpoint_auth_methods_supported = self.revocation_endpoint_auth_methods_supported

        access_token_signing_alg_values_supported: list[str] | Unset = UNSET
        if not isinstance(self.access_token_signing_alg_values_supported, Unset):
            access_token_signing_alg_values_supported = self.access_token_signing_alg_values_supported

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "issuer": issuer,
                "jwks_uri": jwks_uri,
                "response_types_supported": response_types_supported,
                "grant_types_supported": grant_types_supported,
                "introspection_endpoint": introspection_endpoint,
                "introspection_endpoint_auth_methods_supported": introspection_endpoint_auth_methods_supported,
                "revocation_endpoint": revocation_endpoint,
                "revocation_endpoint_auth_methods_supported": revocation_endpoint_auth_methods_supported,
            }
        )
        if access_token_signing_alg_values_supported is not UNSET:
            field_dict["access_token_signing_alg_values_supported"] = access_token_signing_alg_values_supported

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        issuer = d.pop("issuer")

        jwks_uri = d.pop("jwks_uri")

        response_types_supported = cast(list[str], d.pop("response_types_supported"))

        grant_types_supported = cast(list[str], d.pop("grant_types_supported"))

        introspection_endpoint = d.pop("introspection_endpoint")

        introspection_endpoint_auth_methods_supported = cast(
            list[str], d.pop("introspection_endpoint_auth_methods_supported")
        )

        revocation_endpoint = d.pop("revocation_endpoint")

        revocation_endpoint_auth_methods_supported = cast(
            list[str], d.pop("revocation_endpoint_auth_methods_supported")
        )

        access_token_signing_alg_values_supported = cast(
            list[str], d.pop("access_token_signing_alg_values_supported", UNSET)
        )

        server_metadata = cls(
            issuer=issuer,
            jwks_uri=jwks_uri,
            response_types_supported=response_types_supported,
            grant_types_supported=grant_types_supported,
            introspection_endpoint=introspection_endpoint,
            introspection_endpoint_auth_methods_supported=introspection_endpoint_auth_methods_supported,
            revocation_endpoint=revocation_endpoint,
            revocation_endpoint_auth_methods_supported=revocation_endpoint_auth_methods_supported,
            access_token_signing_alg_values_supported=access_token_signing_alg_values_supported,
        )

        server_metadata.additional_properties = d
        return server_metadata

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
