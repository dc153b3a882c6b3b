/** Client of rest-social-auth. `README.md` has an example in ten lines. */

export {
  createClient,
  SocialAuth,
  type AskedField,
  type Browser,
  type CallbackResult,
  type ClientOptions,
  type InputRequired,
  type ListedCredential,
  type Provider,
  type ProviderToken,
  type SignedIn,
  type SignInOptions,
  type SignInResult,
  type SocialAccount,
  type User,
  type UserChange,
  type UserExport,
} from "./client.js";
export { type LoginKind } from "./authorization-request.js";
export { memoryStorage, webStorage, type Credentials, type CredentialStorage, type Family } from "./credentials.js";
export { Problem, type AdditionalInput, type ClientCode, type ProblemCode, type ProblemMembers } from "./problem.js";
export type { components, operations, paths } from "./schema.js";
