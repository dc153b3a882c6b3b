from enum import StrEnum


class LoginKind(StrEnum):
    JWT_PAIR = "jwt-pair"
    JWT_PAIR_USER = "jwt-pair-user"
    JWT_SLIDING = "jwt-sliding"
    JWT_SLIDING_USER = "jwt-sliding-user"
    KNOX = "knox"
    KNOX_USER = "knox_user"
    SESSION = "session"
    TOKEN = "token"
    TOKEN_USER = "token_user"

    def __str__(self) -> str:
        return str(self.value)
