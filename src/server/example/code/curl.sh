# 1. Begin. The answer has authorization_url and flow_token.
curl http://127.0.0.1:8000/api/login/social/begin/demo/ \
  -H 'Content-Type: application/json' \
  -d '{"redirect_uri": "http://127.0.0.1:9999/"}'

# 2. Open authorization_url in a browser and choose a user. Nothing listens
#    on port 9999: copy code and state from the address bar.

# 3. Exchange the code for the credential.
curl http://127.0.0.1:8000/api/login/social/{{ kind.user_route }}/demo/ \
  -H 'Content-Type: application/json' \
{%- if kind.path == "session" %}
  -H 'Origin: http://127.0.0.1:8000' -c cookies.txt \
{%- endif %}
  -d '{"code": "'$CODE'", "state": "'$STATE'", "flow_token": "'$FLOW_TOKEN'"}'

# 4. Use it.
{%- if kind.path == "session" %}
curl http://127.0.0.1:8000/api/user/ -b cookies.txt
{%- else %}
curl http://127.0.0.1:8000/api/user/ -H "Authorization: {{ kind.scheme }} $TOKEN"
{%- endif %}
