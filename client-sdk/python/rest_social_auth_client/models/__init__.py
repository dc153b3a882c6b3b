"""Contains all the data models used in inputs/outputs"""

from .asked_field import AskedField
from .asked_field_type import AskedFieldType
from .authorization_request import AuthorizationRequest
from .begin_input import BeginInput
from .begin_input_data import BeginInputData
from .callback_input import CallbackInput
from .challenge_method import ChallengeMethod
from .credential import Credential
from .empty_object import EmptyObject
from .exported_event import ExportedEvent
from .exported_user import ExportedUser
from .exported_user_fields import ExportedUserFields
from .health_status import HealthStatus
from .introspection import Introspection
from .issued_token import IssuedToken
from .issued_token_data import IssuedTokenData
from .jwt_pair_login import JwtPairLogin
from .jwt_pair_login_data import JwtPairLoginData
from .jwt_pair_login_kind import JwtPairLoginKind
from .jwt_pair_user_login import JwtPairUserLogin
from .jwt_pair_user_login_data import JwtPairUserLoginData
from .jwt_pair_user_login_kind import JwtPairUserLoginKind
from .jwt_sliding_login import JwtSlidingLogin
from .jwt_sliding_login_data import JwtSlidingLoginData
from .jwt_sliding_login_kind import JwtSlidingLoginKind
from .jwt_sliding_user_login import JwtSlidingUserLogin
from .jwt_sliding_user_login_data import JwtSlidingUserLoginData
from .jwt_sliding_user_login_kind import JwtSlidingUserLoginKind
from .key_set import KeySet
from .key_set_keys_item import KeySetKeysItem
from .knox_login import KnoxLogin
from .knox_login_data import KnoxLoginData
from .knox_login_kind import KnoxLoginKind
from .knox_user_login import KnoxUserLogin
from .knox_user_login_data import KnoxUserLoginData
from .knox_user_login_kind import KnoxUserLoginKind
from .login_input import LoginInput
from .login_kind import LoginKind
from .login_with_provider_input import LoginWithProviderInput
from .problem import Problem
from .problem_errors import ProblemErrors
from .provider import Provider
from .provider_list import ProviderList
from .provider_protocol import ProviderProtocol
from .provider_token import ProviderToken
from .refresh_input import RefreshInput
from .refreshed_tokens import RefreshedTokens
from .resume_input import ResumeInput
from .resume_input_answers import ResumeInputAnswers
from .server_metadata import ServerMetadata
from .service_input import ServiceInput
from .session_login import SessionLogin
from .session_login_data import SessionLoginData
from .session_login_kind import SessionLoginKind
from .session_user import SessionUser
from .session_user_data import SessionUserData
from .sliding_token import SlidingToken
from .social_account import SocialAccount
from .social_account_extra_data import SocialAccountExtraData
from .swap_input import SwapInput
from .token_input import TokenInput
from .token_login import TokenLogin
from .token_login_data import TokenLoginData
from .token_login_kind import TokenLoginKind
from .token_message import TokenMessage
from .token_pair import TokenPair
from .token_pair_data import TokenPairData
from .token_use import TokenUse
from .token_user_login import TokenUserLogin
from .token_user_login_data import TokenUserLoginData
from .token_user_login_kind import TokenUserLoginKind
from .user import User
from .user_change import UserChange
from .user_export import UserExport
from .user_with_token import UserWithToken
from .user_with_token_data import UserWithTokenData
from .user_with_token_pair import UserWithTokenPair
from .user_with_token_pair_data import UserWithTokenPairData
from .webhook_account import WebhookAccount
from .webhook_decision import WebhookDecision
from .webhook_event import WebhookEvent
from .webhook_event_data import WebhookEventData
from .webhook_fields import WebhookFields
from .webhook_login_data import WebhookLoginData
from .webhook_proposed_account import WebhookProposedAccount
from .webhook_proposed_account_extra_data import WebhookProposedAccountExtraData
from .webhook_proposed_user import WebhookProposedUser
from .webhook_question import WebhookQuestion
from .webhook_question_data import WebhookQuestionData
from .webhook_user import WebhookUser
from .webhook_user_change import WebhookUserChange

__all__ = (
    "AskedField",
    "AskedFieldType",
    "AuthorizationRequest",
    "BeginInput",
    "BeginInputData",
    "CallbackInput",
    "ChallengeMethod",
    "Credential",
    "EmptyObject",
    "ExportedEvent",
    "ExportedUser",
    "ExportedUserFields",
    "HealthStatus",
    "Introspection",
    "IssuedToken",
    "IssuedTokenData",
    "JwtPairLogin",
    "JwtPairLoginData",
    "JwtPairLoginKind",
    "JwtPairUserLogin",
    "JwtPairUserLoginData",
    "JwtPairUserLoginKind",
    "JwtSlidingLogin",
    "JwtSlidingLoginData",
    "JwtSlidingLoginKind",
    "JwtSlidingUserLogin",
    "JwtSlidingUserLoginData",
    "JwtSlidingUserLoginKind",
    "KeySet",
    "KeySetKeysItem",
    "KnoxLogin",
    "KnoxLoginData",
    "KnoxLoginKind",
    "KnoxUserLogin",
    "KnoxUserLoginData",
    "KnoxUserLoginKind",
    "LoginInput",
    "LoginKind",
    "LoginWithProviderInput",
    "Problem",
    "ProblemErrors",
    "Provider",
    "ProviderList",
    "ProviderProtocol",
    "ProviderToken",
    "RefreshedTokens",
    "RefreshInput",
    "ResumeInput",
    "ResumeInputAnswers",
    "ServerMetadata",
    "ServiceInput",
    "SessionLogin",
    "SessionLoginData",
    "SessionLoginKind",
    "SessionUser",
    "SessionUserData",
    "SlidingToken",
    "SocialAccount",
    "SocialAccountExtraData",
    "SwapInput",
    "TokenInput",
    "TokenLogin",
    "TokenLoginData",
    "TokenLoginKind",
    "TokenMessage",
    "TokenPair",
    "TokenPairData",
    "TokenUse",
    "TokenUserLogin",
    "TokenUserLoginData",
    "TokenUserLoginKind",
    "User",
    "UserChange",
    "UserExport",
    "UserWithToken",
    "UserWithTokenData",
    "UserWithTokenPair",
    "UserWithTokenPairData",
    "WebhookAccount",
    "WebhookDecision",
    "WebhookEvent",
    "WebhookEventData",
    "WebhookFields",
    "WebhookLoginData",
    "WebhookProposedAccount",
    "WebhookProposedAccountExtraData",
    "WebhookProposedUser",
    "WebhookQuestion",
    "WebhookQuestionData",
    "WebhookUser",
    "WebhookUserChange",
)
