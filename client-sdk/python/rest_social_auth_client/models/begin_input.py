from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.challenge_method import ChallengeMethod
from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.begin_input_data import BeginInputData


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
        scope (str | Unset): Scopes, separated by spaces; they replace the provider's configured scopes: some of them,
            and scopes that
            OPTIONAL_SCOPE lists. A list of texts is accepted too.
        next_ (str | Unset): Where the front-end goes after the login: a path, or a URL with an origin of
            ALLOWED_NEXT_ORIGINS. It is checked
            and returned.
        code_challenge (str | Unset): The challenge of the front-end's own PKCE pair: 43 characters of base64url, with
            `code_challenge_method`. The login must
            then have the `code_verifier`.
        code_challenge_method (ChallengeMethod | Unset): The supported PKCE method.
        prompt (str | Unset): What the provider asks the user for: `none`, `login`, `consent` or `select_account`.
        login_hint (str | Unset): The account that the provider suggests, such as an e-mail address.
        max_age (int | Unset): The maximum time in seconds since the user authenticated at the provider. The ID token
            must prove it.
        ui_locales (str | Unset): Languages for the provider's pages, in order, such as `de en`.
        acr_values (str | Unset): Authentication context classes that the application requests, in order.
        domain_hint (str | Unset): The domain of the user's account at the provider (Microsoft).
        data (BeginInputData | Unset): A JSON object of at most 2 KB. The answer of the login has it, and pipeline steps
            and webhooks.
        app_state (str | Unset): A text of at most 512 characters. The answer of the login has it.
    """

    redirect_uri: str | Unset = UNSET
    scope: str | Unset = UNSET
    next_: str | Unset = UNSET
    code_challenge: str | Unset = UNSET
    code_challenge_method: ChallengeMethod | Unset = UNSET
    prompt: str | Unset = UNSET
    login_hint: str | Unset = UNSET
    max_age: int | Unset = UNSET
    ui_locales: str | Unset = UNSET
    acr_values: str | Unset = UNSET
    domain_hint: str | Unset = UNSET
    data: BeginInputData | Unset = UNSET
    app_state: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.begin_input_data import BeginInputData  # noqa: PLC0415

        redirect_uri = self.redirect_uri

        scope = self.scope

        next_ = self.next_

        code_challenge = self.code_challenge

        code_challenge_method: str | Unset = UNSET
        if not isinstance(self.code_challenge_method, Unset):
            code_challenge_method = self.code_challenge_method.value

        prompt = self.prompt

        login_hint = self.login_hint

        max_age = self.max_age

        ui_locales = self.ui_locales

        acr_values = self.acr_values

        domain_hint = self.domain_hint

        data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.data, Unset):
            data = self.data.to_dict()

        app_state = self.app_state

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
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if login_hint is not UNSET:
            field_dict["login_hint"] = login_hint
        if max_age is not UNSET:
            field_dict["max_age"] = max_age
        if ui_locales is not UNSET:
            field_dict["ui_locales"] = ui_locales
        if acr_values is not UNSET:
            field_dict["acr_values"] = acr_values
        if domain_hint is not UNSET:
            field_dict["domain_hint"] = domain_hint
        if data is not UNSET:
            field_dict["data"] = data
        if app_state is not UNSET:
            field_dict["app_state"] = app_state

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.begin_input_data import BeginInputData  # noqa: PLC0415

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

        prompt = d.pop("prompt", UNSET)

        login_hint = d.pop("login_hint", UNSET)

        max_age = d.pop("max_age", UNSET)

        ui_locales = d.pop("ui_locales", UNSET)

        acr_values = d.pop("acr_values", UNSET)

        domain_hint = d.pop("domain_hint", UNSET)

        _data = d.pop("data", UNSET)
        data: BeginInputData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = BeginInputData.from_dict(_data)

        app_state = d.pop("app_state", UNSET)

        begin_input = cls(
            redirect_uri=redirect_uri,
            scope=scope,
            next_=next_,
            code_challenge=code_challenge,
            code_challenge_method=code_challenge_method,
            prompt=prompt,
            login_hint=login_hint,
            max_age=max_age,
            ui_locales=ui_locales,
            acr_values=acr_values,
            domain_hint=domain_hint,
            data=data,
            app_state=app_state,
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
