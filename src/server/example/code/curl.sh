# 1. Begin. The answer has authorization_url and flow_token.
curl http://127.0.0.1:8000/api/login/social/begin/demo/ \
  -H 'Content-Type: application/json' \
  -d '{"redirect_uri": "http://127.0.0.1:9999/"}'

# 2. Open authorization_url in a browser and choose a user. Nothing listens
#    on port 9999: copy what follows the question mark in the address bar.
FLOW_TOKEN='rsaf_...'
CALLBACK='code=...&state=...&iss=...'

# 3. Exchange the code for the credential.
curl http://127.0.0.1:8000/api/login/social/{{ kind.user_route }}/demo/ \
{%- if kind.path == "session" %}
  -H 'Origin: http://127.0.0.1:8000' -c cookies.txt \
{%- endif %}
  -d "$CALLBACK" -d "flow_token=$FLOW_TOKEN"

# 4. Use it.
{%- if kind.path == "session" %}
curl http://127.0.0.1:8000/api/user/ -b cookies.txt
{%- else %}
TOKEN='...'
curl http://127.0.0.1:8000/api/user/ -H "Authorization: {{ kind.scheme }} $TOKEN"
{%- endif %}
