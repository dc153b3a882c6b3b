from enum import StrEnum


class AskedFieldType(StrEnum):
    CHECKBOX = "checkbox"
    CHOICE = "choice"
    EMAIL = "email"
    TEXT = "text"

    def __str__(self) -> str:
        return str(self.value)
