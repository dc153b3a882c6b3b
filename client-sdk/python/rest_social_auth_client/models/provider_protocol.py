from enum import StrEnum


class ProviderProtocol(StrEnum):
    OAUTH_1 = "oauth1"
    OAUTH_2 = "oauth2"
    OIDC = "oidc"
    OPENID_2 = "openid2"
    WIDGET = "widget"

    def __str__(self) -> str:
        return str(self.value)
