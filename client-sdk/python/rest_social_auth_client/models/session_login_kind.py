from enum import StrEnum


class SessionLoginKind(StrEnum):
    SESSION = "session"

    def __str__(self) -> str:
        return str(self.value)
