from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.challenge_method import ChallengeMethod
from ..types import UNSET, Unset


T = TypeVar("T", bound="BeginInput")


@_attrs_define
class BeginInput:
    """How to begin a login. Other members are parameters of the provider's own URL, such as shopify's `shop`.

    Example:
        {'next': '/account'}

    Attributes:
        redirect_uri (str | Unset): Where the provider sends the user back to. It must match an entry of
            ALLOWED_REDIRECT_URIS exactly. The default
            comes from the settings or from the page's origin.
        scope (str | Unset): Scopes, separated by spaces; they replace the provider's configured scopes. A list of texts
            is accepted too.
        next_ (str | Unset): Where the front-end goes after the login: a path, or a URL of a listed origin. It is
            checked and returned.
        code_challenge (str | Unset): The challenge of the front-end's own PKCE pair: 43 characters of base64url, with
            `code_challenge_method`. The login must
            then have the `code_verifier`.
        code_challenge_method (ChallengeMethod | Unset): The supported PKCE method.
    """

    redirect_uri: str | Unset = UNSET
    scope: str | Unset = UNSET
    next_: str | Unset = UNSET
    code_challenge: str | Unset = UNSET
    code_challenge_method: ChallengeMethod | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        redirect_uri = self.redirect_uri

        scope = self.scope

        next_ = self.next_

        code_challenge = self.code_challenge

        code_challenge_method: str | Unset = UNSET
        if not isinstance(self.code_challenge_method, Unset):
            code_challenge_method = self.code_challenge_method.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if redirect_uri is not UNSET:
            field_dict["redirect_uri"] = redirect_uri
        if scope is not UNSET:
            field_dict["scope"] = scope
        if next_ is not UNSET:
            field_dict["next"] = next_
        if code_challenge is not UNSET:
            field_dict["code_challenge"] = code_challenge
        if code_challenge_method is not UNSET:
            field_dict["code_challenge_method"] = code_challenge_method

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        redirect_uri = d.pop("redirect_uri", UNSET)

        scope = d.pop("scope", UNSET)

        next_ = d.pop("next", UNSET)

        code_challenge = d.pop("code_challenge", UNSET)

        _code_challenge_method = d.pop("code_challenge_method", UNSET)
        code_challenge_method: ChallengeMethod | Unset
        if isinstance(_code_challenge_method, Unset):
            code_challenge_method = UNSET
        else:
            code_challenge_method = ChallengeMethod(_code_challenge_method)

        begin_input = cls(
            redirect_uri=redirect_uri,
            scope=scope,
            next_=next_,
            code_challenge=code_challenge,
            code_challenge_method=code_challenge_method,
        )

        begin_input.additional_properties = d
        return begin_input

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
