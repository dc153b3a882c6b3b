from enum import StrEnum


class TokenUserLoginKind(StrEnum):
    TOKEN_USER = "token_user"

    def __str__(self) -> str:
        return str(self.value)
