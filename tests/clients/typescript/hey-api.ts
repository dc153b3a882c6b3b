// @hey-api/openapi-ts with its own client.

import { client } from "./generated/hey-api/client.gen";
import { beginLogin, getUser, loginJwtPairUserWithProvider, logoutEverything, refreshToken, resumeLogin } from "./generated/hey-api";
import { baseUrl, check, consent, email, finish, redirectUri } from "./user";

client.setConfig({ baseUrl });
const path = { provider: "demo" };

async function login() {
  const begun = await beginLogin({ path, body: { redirect_uri: redirectUri } });
  check(begun.data, "begin", begun.error);
  const callback = await consent(begun.data.authorization_url);
  const body = { ...callback, flow_token: begun.data.flow_token, redirect_uri: redirectUri };
  return loginJwtPairUserWithProvider({ path, body });
}

const pending = (await login()).error;
check(pending?.code === "additional_input_required" && pending.fields?.[0]?.name === "email", "login", pending);
const resumed = await resumeLogin({ body: { flow_token: pending.flow_token!, answers: { email } } });
check(resumed.data?.kind === "jwt-pair-user", "resume", resumed);
check(resumed.data.email === email, "the user of resume", resumed.data);

const second = await login();
check(second.data?.email === email, "the second login", second.error);
const refreshed = await refreshToken({ body: { refresh: second.data.refresh } });
check(refreshed.data, "refresh", refreshed.error);
client.setConfig({ auth: refreshed.data.access });
const user = await getUser();
check(user.data?.id === resumed.data.id, "user", user.error);
const signedOut = await logoutEverything();
check(signedOut.response?.status === 204, "logout", signedOut.error);
const gone = await getUser();
check(gone.error?.code === "token_not_valid", "the user after the logout", gone);
finish();
