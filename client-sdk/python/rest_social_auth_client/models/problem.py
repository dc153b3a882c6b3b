from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.asked_field import AskedField
    from ..models.problem_errors import ProblemErrors
    from ..models.token_message import TokenMessage


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """What went wrong, as a problem document (RFC 9457). `code` is stable: decide by it, not by the texts.

    Example:
        {'type': 'about:blank', 'title': 'Bad Request', 'status': 400, 'code': 'invalid_request', 'detail': 'The request
            has invalid fields.', 'request_id': '0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b', 'errors': {'code': ['This field is
            required.']}}

    Attributes:
        type_ (str): Always `about:blank`; `code` identifies the problem.
        title (str): The status in words.
        status (int): The HTTP status.
        code (str): Stable and machine-readable.
        detail (str): A text for developers; it may change.
        request_id (str): Also in the header `X-Request-Id` and in the server's log.
        error (str | Unset): `code` under the name of RFC 6749, section 5.2, at the endpoints of RFC 7009 and RFC 7662.
        errors (ProblemErrors | Unset): Messages by field, for `invalid_request`.
        messages (list[TokenMessage] | Unset): For `token_not_valid`, as in simplejwt: one entry for each token class
            that was tried.
        flow_token (str | Unset): For `additional_input_required`: post it with the answers. If the login had the
            authorization request cookie, post it
            from the same browser.
        expires_in (int | Unset): For `additional_input_required`: how long the login is pending, in seconds.
        step (str | Unset): For `additional_input_required`: the step that needs the input, such as `require_email`.
        fields (list[AskedField] | Unset): For `additional_input_required`: what the user is asked for.
    """

    type_: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    error: str | Unset = UNSET
    errors: ProblemErrors | Unset = UNSET
    messages: list[TokenMessage] | Unset = UNSET
    flow_token: str | Unset = UNSET
    expires_in: int | Unset = UNSET
    step: str | Unset = UNSET
    fields: list[AskedField] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.asked_field import AskedField  # noqa: PLC0415
        from ..models.problem_errors import ProblemErrors  # noqa: PLC0415
        from ..models.token_message import TokenMessage  # noqa: PLC0415

        type_ = self.type_

        title = self.title

        status = self.status

        code = self.code

        detail = self.detail

        request_id = self.request_id

        error = self.error

        errors: dict[str, Any] | Unset = UNSET
        if not isinstance(self.errors, Unset):
            errors = self.errors.to_dict()

        messages: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.messages, Unset):
            messages = []
            for messages_item_data in self.messages:
                messages_item = messages_item_data.to_dict()
                messages.append(messages_item)

        flow_token = self.flow_token

        expires_in = self.expires_in

        step = self.step

        fields: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.fields, Unset):
            fields = []
            for fields_item_data in self.fields:
                fields_item = fields_item_data.to_dict()
                fields.append(fields_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "title": title,
                "status": status,
                "code": code,
                "detail": detail,
                "request_id": request_id,
            }
        )
        if error is not UNSET:
            field_dict["error"] = error
        if errors is not UNSET:
            field_dict["errors"] = errors
        if messages is not UNSET:
            field_dict["messages"] = messages
        if flow_token is not UNSET:
            field_dict["flow_token"] = flow_token
        if expires_in is not UNSET:
            field_dict["expires_in"] = expires_in
        if step is not UNSET:
            field_dict["step"] = step
        if fields is not UNSET:
            field_dict["fields"] = fields

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.asked_field import AskedField  # noqa: PLC0415
        from ..models.problem_errors import ProblemErrors  # noqa: PLC0415
        from ..models.token_message import TokenMessage  # noqa: PLC0415

        d = dict(src_dict)
        type_ = d.pop("type")

        title = d.pop("title")

        status = d.pop("status")

        code = d.pop("code")

        detail = d.pop("detail")

        request_id = d.pop("request_id")

        error = d.pop("error", UNSET)

        _errors = d.pop("errors", UNSET)
        errors: ProblemErrors | Unset
        if isinstance(_errors, Unset):
            errors = UNSET
        else:
            errors = ProblemErrors.from_dict(_errors)

        _messages = d.pop("messages", UNSET)
        messages: list[TokenMessage] | Unset = UNSET
        if _messages is not UNSET:
            messages = []
            for messages_item_data in _messages:
                messages_item = TokenMessage.from_dict(messages_item_data)

                messages.append(messages_item)

        flow_token = d.pop("flow_token", UNSET)

        expires_in = d.pop("expires_in", UNSET)

        step = d.pop("step", UNSET)

        _fields = d.pop("fields", UNSET)
        fields: list[AskedField] | Unset = UNSET
        if _fields is not UNSET:
            fields = []
            for fields_item_data in _fields:
                fields_item = AskedField.from_dict(fields_item_data)

                fields.append(fields_item)

        problem = cls(
            type_=type_,
            title=title,
            status=status,
            code=code,
            detail=detail,
            request_id=request_id,
            error=error,
            errors=errors,
            messages=messages,
            flow_token=flow_token,
            expires_in=expires_in,
            step=step,
            fields=fields,
        )

        problem.additional_properties = d
        return problem

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
