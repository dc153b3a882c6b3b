from enum import StrEnum


class JwtSlidingUserLoginKind(StrEnum):
    JWT_SLIDING_USER = "jwt-sliding-user"

    def __str__(self) -> str:
        return str(self.value)
