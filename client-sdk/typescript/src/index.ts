/** Client of rest-social-auth. `README.md` begins with an example of twenty lines. */

export { createClient, SocialAuth } from "./client.js";
export { type LoginKind } from "./authorization-request.js";
export { type Browser, type Channel } from "./browser.js";
export {
  memoryStorage,
  webStorage,
  type Credentials,
  type CredentialStorage,
  type Family,
  type KeyValueStorage,
} from "./credentials.js";
export { type KnownProvider, type ServerCode } from "./names.js";
export { Problem, type AdditionalInput, type ClientCode, type ProblemCode, type ProblemMembers } from "./problem.js";
export type * from "./types.js";
export type { components, operations, paths } from "./schema.js";
