// openapi-typescript with openapi-fetch.

import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-typescript";
import { baseUrl, check, consent, email, finish, redirectUri } from "./user";

const api = createClient<paths>({ baseUrl });
const path = { provider: "demo" };

async function login() {
  const begun = await api.POST("/api/login/social/begin/{provider}/", { params: { path }, body: { redirect_uri: redirectUri } });
  check(begun.data, "begin", begun.error);
  const callback = await consent(begun.data.authorization_url);
  const body = { ...callback, flow_token: begun.data.flow_token, redirect_uri: redirectUri };
  return api.POST("/api/login/social/jwt-pair-user/{provider}/", { params: { path }, body });
}

const pending = (await login()).error;
check(pending?.code === "additional_input_required" && pending.fields?.[0]?.name === "email", "login", pending);
const answers = { flow_token: pending.flow_token!, answers: { email } };
const resumed = await api.POST("/api/login/social/resume/", { body: answers });
check(resumed.data?.kind === "jwt-pair-user", "resume", resumed);
check(resumed.data.email === email, "the user of resume", resumed.data);

const second = await login();
check(second.data?.email === email, "the second login", second.error);
const refreshed = await api.POST("/api/token/refresh/", { body: { refresh: second.data.refresh } });
check(refreshed.data, "refresh", refreshed.error);
const headers = { Authorization: `Bearer ${refreshed.data.access}` };
const user = await api.GET("/api/user/", { headers });
check(user.data?.id === resumed.data.id, "user", user.error);
const signedOut = await api.POST("/api/logout/all/", { headers });
check(signedOut.response.status === 204, "logout", signedOut.error);
const gone = await api.GET("/api/user/", { headers });
check(gone.error?.code === "token_not_valid", "the user after the logout", gone);
finish();
