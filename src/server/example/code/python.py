# pip install requests
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import requests

SERVER, REDIRECT_URI = "http://127.0.0.1:8000", "http://127.0.0.1:9999/"


class Callback(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.fields = dict(parse_qsl(urlsplit(self.path).query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this window.")


api = requests.Session()
{%- if kind.path == "session" %}
api.headers["Origin"] = SERVER
{%- endif %}
begun = api.post(f"{SERVER}/api/login/social/begin/demo/", json={"redirect_uri": REDIRECT_URI}).json()
with HTTPServer(("127.0.0.1", 9999), Callback) as server:
    webbrowser.open(begun["authorization_url"])
    server.handle_request()

login = api.post(
    f"{SERVER}/api/login/social/{{ kind.user_route }}/demo/",
    json={**server.fields, "flow_token": begun["flow_token"]},
)
login.raise_for_status()
{%- if kind.path != "session" %}
api.headers["Authorization"] = f"{{ kind.scheme }} {login.json()['token']}"
{%- endif %}
print(api.get(f"{SERVER}/api/user/").json())
