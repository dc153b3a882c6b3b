from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.asked_field_type import AskedFieldType
from ..types import UNSET, Unset
from typing import cast


T = TypeVar("T", bound="AskedField")


@_attrs_define
class AskedField:
    """A requested field; post its answer under its `name`.

    Attributes:
        name (str):
        type_ (AskedFieldType): The kind of input. The answer to a checkbox is a boolean, every other answer a text.
        title (str): The label.
        required (bool): A required checkbox must be checked.
        help_ (str | Unset): An explanation for the user.
        choices (list[str] | Unset): The valid answers, for a choice.
    """

    name: str
    type_: AskedFieldType
    title: str
    required: bool
    help_: str | Unset = UNSET
    choices: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_ = self.type_.value

        title = self.title

        required = self.required

        help_ = self.help_

        choices: list[str] | Unset = UNSET
        if not isinstance(self.choices, Unset):
            choices = self.choices

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "title": title,
                "required": required,
            }
        )
        if help_ is not UNSET:
            field_dict["help"] = help_
        if choices is not UNSET:
            field_dict["choices"] = choices

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        type_ = AskedFieldType(d.pop("type"))

        title = d.pop("title")

        required = d.pop("required")

        help_ = d.pop("help", UNSET)

        choices = cast(list[str], d.pop("choices", UNSET))

        asked_field = cls(
            name=name,
            type_=type_,
            title=title,
            required=required,
            help_=help_,
            choices=choices,
        )

        asked_field.additional_properties = d
        return asked_field

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
