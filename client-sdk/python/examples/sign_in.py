"""Signs in with the demo provider of `rest-social-auth dev`: open the printed URL, sign in, and paste the address that you end at."""

import sys
from urllib.parse import parse_qsl, urlsplit

from rest_social_auth_client import Client
from rest_social_auth_client.api.begin import begin_login
from rest_social_auth_client.api.login import login_jwt_pair_user_with_provider
from rest_social_auth_client.models import BeginInput, LoginWithProviderInput

base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
client = Client(base)
redirect_uri = f"{base}/docs/"
begun = begin_login.sync("demo", client=client, body=BeginInput(redirect_uri=redirect_uri))
print(begun.authorization_url, flush=True)
callback = dict(parse_qsl(urlsplit(input()).query))
callback |= {"flow_token": begun.flow_token, "redirect_uri": redirect_uri}
login = login_jwt_pair_user_with_provider.sync("demo", client=client, body=LoginWithProviderInput.from_dict(callback))
print(f"Signed in as {login.username}")
