from enum import StrEnum


class KnoxUserLoginKind(StrEnum):
    KNOX_USER = "knox_user"

    def __str__(self) -> str:
        return str(self.value)
