from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.resume_input_answers import ResumeInputAnswers


T = TypeVar("T", bound="ResumeInput")


@_attrs_define
class ResumeInput:
    """The answers to a pending login.

    Example:
        {'flow_token': 'rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo', 'answers': {'email': 'ada@example.com'}}

    Attributes:
        flow_token (str): The flow token of the pending login.
        answers (ResumeInputAnswers | Unset): The answers, each under the `name` of its field: a boolean for a checkbox,
            a text for every other field. Answers may
            also be members beside `flow_token`, as a form sends them.
    """

    flow_token: str
    answers: ResumeInputAnswers | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.resume_input_answers import ResumeInputAnswers  # noqa: PLC0415

        flow_token = self.flow_token

        answers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.answers, Unset):
            answers = self.answers.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "flow_token": flow_token,
            }
        )
        if answers is not UNSET:
            field_dict["answers"] = answers

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.resume_input_answers import ResumeInputAnswers  # noqa: PLC0415

        d = dict(src_dict)
        flow_token = d.pop("flow_token")

        _answers = d.pop("answers", UNSET)
        answers: ResumeInputAnswers | Unset
        if isinstance(_answers, Unset):
            answers = UNSET
        else:
            answers = ResumeInputAnswers.from_dict(_answers)

        resume_input = cls(
            flow_token=flow_token,
            answers=answers,
        )

        resume_input.additional_properties = d
        return resume_input

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
