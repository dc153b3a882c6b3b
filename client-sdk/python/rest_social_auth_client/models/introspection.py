from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.login_kind import LoginKind
from ..models.token_use import TokenUse
from ..types import UNSET, Unset
from typing import cast


T = TypeVar("T", bound="Introspection")


@_attrs_define
class Introspection:
    """The answer of RFC 7662, section 2.2. Only `active` is present if the token is not valid.

    Example:
        {'active': True, 'sub': '1', 'username': 'mara', 'token_type': 'Bearer', 'token_use': 'access',
            'credential_kind': 'jwt-pair', 'exp': 1795522900, 'iat': 1795522600}

    Attributes:
        active (bool): Whether the token is valid now. False for any token that is unknown, expired or revoked, or whose
            user is inactive.
        sub (str | Unset): The id of the user.
        username (str | Unset):
        token_type (str | Unset): The scheme of the `Authorization` header that carries the token, such as `Bearer` or
            `Token`. Absent for a session and
            for a refresh token.
        token_use (TokenUse | Unset): What a token may be used for. `access`: it authenticates requests. `refresh`: it
            only gets new access tokens, so a service
            must not accept it.
        credential_kind (LoginKind | Unset): A login route by its name in the URL.
        exp (int | Unset): When the token expires, in seconds since 1970. For a session, the earlier of its two time
            limits. Absent if the token
            does not expire.
        iat (int | Unset): When the token was issued, in seconds since 1970.
        iss (str | Unset): The issuer, of a JWT that has one.
        aud (list[str] | Unset): The audiences, of a JWT that has any.
        jti (str | Unset): The id, of a JWT.
    """

    active: bool
    sub: str | Unset = UNSET
    username: str | Unset = UNSET
    token_type: str | Unset = UNSET
    token_use: TokenUse | Unset = UNSET
    credential_kind: LoginKind | Unset = UNSET
    exp: int | Unset = UNSET
    iat: int | Unset = UNSET
    iss: str | Unset = UNSET
    aud: list[str] | Unset = UNSET
    jti: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        active = self.active

        sub = self.sub

        username = self.username

        token_type = self.token_type

        token_use: str | Unset = UNSET
        if not isinstance(self.token_use, Unset):
            token_use = self.token_use.value

        credential_kind: str | Unset = UNSET
        if not isinstance(self.credential_kind, Unset):
            credential_kind = self.credential_kind.value

        exp = self.exp

        iat = self.iat

        iss = self.iss

        aud: list[str] | Unset = UNSET
        if not isinstance(self.aud, Unset):
            aud = self.aud

        jti = self.jti

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "active": active,
            }
        )
        if sub is not UNSET:
            field_dict["sub"] = sub
        if username is not UNSET:
            field_dict["username"] = username
        if token_type is not UNSET:
            field_dict["token_type"] = token_type
        if token_use is not UNSET:
            field_dict["token_use"] = token_use
        if credential_kind is not UNSET:
            field_dict["credential_kind"] = credential_kind
        if exp is not UNSET:
            field_dict["exp"] = exp
        if iat is not UNSET:
            field_dict["iat"] = iat
        if iss is not UNSET:
            field_dict["iss"] = iss
        if aud is not UNSET:
            field_dict["aud"] = aud
        if jti is not UNSET:
            field_dict["jti"] = jti

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        active = d.pop("active")

        sub = d.pop("sub", UNSET)

        username = d.pop("username", UNSET)

        token_type = d.pop("token_type", UNSET)

        _token_use = d.pop("token_use", UNSET)
        token_use: TokenUse | Unset
        if isinstance(_token_use, Unset):
            token_use = UNSET
        else:
            token_use = TokenUse(_token_use)

        _credential_kind = d.pop("credential_kind", UNSET)
        credential_kind: LoginKind | Unset
        if isinstance(_credential_kind, Unset):
            credential_kind = UNSET
        else:
            credential_kind = LoginKind(_credential_kind)

        exp = d.pop("exp", UNSET)

        iat = d.pop("iat", UNSET)

        iss = d.pop("iss", UNSET)

        aud = cast(list[str], d.pop("aud", UNSET))

        jti = d.pop("jti", UNSET)

        introspection = cls(
            active=active,
            sub=sub,
            username=username,
            token_type=token_type,
            token_use=token_use,
            credential_kind=credential_kind,
            exp=exp,
            iat=iat,
            iss=iss,
            aud=aud,
            jti=jti,
        )

        introspection.additional_properties = d
        return introspection

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
