from enum import StrEnum


class TokenLoginKind(StrEnum):
    TOKEN = "token"

    def __str__(self) -> str:
        return str(self.value)
