/** Calls of any operation of the server, typed from its OpenAPI document and sent with the credentials of a client. */

import createFetchClient, { type Client } from "openapi-fetch";
import type { SocialAuth } from "./client.js";
import type { paths } from "./schema.js";

export function createApi(auth: SocialAuth): Client<paths> {
  return createFetchClient<paths>({ baseUrl: auth.baseUrl, fetch: (request) => auth.fetch(request) });
}
