"""openapi-python-client, as in client-sdk/python."""

import json
import sys

from rest_social_auth_client import AuthenticatedClient, Client
from rest_social_auth_client.api.begin import begin_login
from rest_social_auth_client.api.jwt import refresh_token
from rest_social_auth_client.api.login import login_jwt_pair_user_with_provider, resume_login
from rest_social_auth_client.api.logout import logout_everything
from rest_social_auth_client.api.user import get_user
from rest_social_auth_client.models import (
    AuthorizationRequest,
    BeginInput,
    JwtPairUserLogin,
    LoginWithProviderInput,
    Problem,
    RefreshedTokens,
    RefreshInput,
    ResumeInput,
    ResumeInputAnswers,
    User,
    UserWithTokenPair,
)

EMAIL = "noor@demo.example"
base_url = sys.argv[1]
client = Client(base_url)


def login():
    redirect_uri = f"{base_url}/docs/"
    begun = begin_login.sync("demo", client=client, body=BeginInput(redirect_uri=redirect_uri))
    assert isinstance(begun, AuthorizationRequest), begun
    print(begun.authorization_url, flush=True)
    body = LoginWithProviderInput(**json.loads(input()), flow_token=begun.flow_token, redirect_uri=redirect_uri)
    return login_jwt_pair_user_with_provider.sync("demo", client=client, body=body)


pending = login()
assert isinstance(pending, Problem) and pending.code == "additional_input_required", pending
assert pending.fields[0].name == "email", pending
answers = ResumeInputAnswers.from_dict({"email": EMAIL})
resumed = resume_login.sync(client=client, body=ResumeInput(flow_token=pending.flow_token, answers=answers))
assert isinstance(resumed, JwtPairUserLogin) and resumed.email == EMAIL, resumed

second = login()
assert isinstance(second, UserWithTokenPair) and second.email == EMAIL, second
refreshed = refresh_token.sync(client=client, body=RefreshInput(refresh=second.refresh))
assert isinstance(refreshed, RefreshedTokens), refreshed
signed_in = AuthenticatedClient(base_url, token=refreshed.access)
user = get_user.sync(client=signed_in)
assert isinstance(user, User) and user.id == resumed.id, user
assert logout_everything.sync_detailed(client=signed_in).status_code == 204
gone = get_user.sync(client=signed_in)
assert isinstance(gone, Problem) and gone.code == "token_not_valid", gone
