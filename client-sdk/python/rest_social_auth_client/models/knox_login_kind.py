from enum import StrEnum


class KnoxLoginKind(StrEnum):
    KNOX = "knox"

    def __str__(self) -> str:
        return str(self.value)
