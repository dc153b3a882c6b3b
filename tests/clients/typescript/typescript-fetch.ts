// openapi-generator, typescript-fetch.

import { BeginApi, Configuration, JwtApi, LoginApi, LogoutApi, ProblemFromJSON, ResponseError, UserApi } from "./generated/typescript-fetch";
import { baseUrl, check, consent, email, finish, redirectUri } from "./user";

const configuration = new Configuration({ basePath: baseUrl });
const logins = new LoginApi(configuration);

async function login() {
  const begun = await new BeginApi(configuration).beginLogin({ provider: "demo", beginInput: { redirectUri } });
  const callback = await consent(begun.authorizationUrl);
  const loginWithProviderInput = { ...callback, flowToken: begun.flowToken, redirectUri };
  return logins.loginJwtPairUserWithProvider({ provider: "demo", loginWithProviderInput });
}

/** The problem document of a call that fails. */
async function problem(call: Promise<unknown>) {
  const error = await call.then(() => undefined, (error: unknown) => error);
  check(error instanceof ResponseError, "an error response", error);
  return ProblemFromJSON(await error.response.json());
}

const pending = await problem(login());
check(pending.code === "additional_input_required" && pending.fields?.[0]?.name === "email", "login", pending);
const resumed = await logins.resumeLogin({ resumeInput: { flowToken: pending.flowToken!, answers: { email } } });
check(resumed.kind === "jwt-pair-user", "resume", resumed);
check(resumed.email === email, "the user of resume", resumed);

const second = await login();
check(second.email === email, "the second login", second);
const refreshed = await new JwtApi(configuration).refreshToken({ refreshInput: { refresh: second.refresh } });
const signedIn = new Configuration({ basePath: baseUrl, accessToken: refreshed.access });
const user = await new UserApi(signedIn).getUser();
check(user.id === resumed.id, "user", user);
await new LogoutApi(signedIn).logoutEverything();
const gone = await problem(new UserApi(signedIn).getUser());
check(gone.code === "token_not_valid", "the user after the logout", gone);
finish();
