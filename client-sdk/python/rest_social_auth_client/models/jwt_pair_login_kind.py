from enum import StrEnum


class JwtPairLoginKind(StrEnum):
    JWT_PAIR = "jwt-pair"

    def __str__(self) -> str:
        return str(self.value)
