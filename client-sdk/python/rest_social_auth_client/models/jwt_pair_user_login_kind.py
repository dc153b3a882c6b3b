from enum import StrEnum


class JwtPairUserLoginKind(StrEnum):
    JWT_PAIR_USER = "jwt-pair-user"

    def __str__(self) -> str:
        return str(self.value)
