from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset


T = TypeVar("T", bound="CallbackInput")


@_attrs_define
class CallbackInput:
    """The body of a provider's callback to this server.

    Example:
        {'code': 'SplxlOBeZQQYbYS6WxSbIA', 'state': 'pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo'}

    Attributes:
        code (str | Unset):
        state (str | Unset):
        error (str | Unset): The error, instead of a code.
    """

    code: str | Unset = UNSET
    state: str | Unset = UNSET
    error: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        state = self.state

        error = self.error

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if state is not UNSET:
            field_dict["state"] = state
        if error is not UNSET:
            field_dict["error"] = error

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        code = d.pop("code", UNSET)

        state = d.pop("state", UNSET)

        error = d.pop("error", UNSET)

        callback_input = cls(
            code=code,
            state=state,
            error=error,
        )

        callback_input.additional_properties = d
        return callback_input

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
