from enum import StrEnum


class JwtSlidingLoginKind(StrEnum):
    JWT_SLIDING = "jwt-sliding"

    def __str__(self) -> str:
        return str(self.value)
