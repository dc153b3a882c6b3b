from enum import StrEnum


class TokenUse(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"

    def __str__(self) -> str:
        return str(self.value)
