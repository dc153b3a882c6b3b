"""openapi-generator, python."""

import json
import sys

from openapi_generator_client import (
    ApiClient,
    ApiException,
    BeginApi,
    BeginInput,
    Configuration,
    JwtApi,
    JwtPairUserLogin,
    LoginApi,
    LoginWithProviderInput,
    LogoutApi,
    RefreshInput,
    ResumeInput,
    UserApi,
)

EMAIL = "noor@demo.example"
configuration = Configuration(host=sys.argv[1])
client = ApiClient(configuration)
logins = LoginApi(client)


def login():
    redirect_uri = f"{sys.argv[1]}/docs/"
    begun = BeginApi(client).begin_login("demo", BeginInput(redirect_uri=redirect_uri))
    print(begun.authorization_url, flush=True)
    callback = LoginWithProviderInput(**json.loads(input()), flow_token=begun.flow_token, redirect_uri=redirect_uri)
    return logins.login_jwt_pair_user_with_provider("demo", callback)


def problem(call):
    """The problem document of a call that fails."""
    try:
        raise AssertionError(call())
    except ApiException as error:
        return error.data


pending = problem(login)
assert pending.code == "additional_input_required" and pending.fields[0].name == "email", pending
resumed = logins.resume_login(ResumeInput(flow_token=pending.flow_token, answers={"email": EMAIL})).actual_instance
assert isinstance(resumed, JwtPairUserLogin) and resumed.email == EMAIL, resumed

second = login()
assert second.email == EMAIL and second.refresh, second
refreshed = JwtApi(client).refresh_token(RefreshInput(refresh=second.refresh))
configuration.access_token = refreshed.access
user = UserApi(client).get_user()
assert user.id == resumed.id, user
LogoutApi(client).logout_everything()
gone = problem(UserApi(client).get_user)
assert gone.code == "token_not_valid", gone
