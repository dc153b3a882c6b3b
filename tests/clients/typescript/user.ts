// The user, whom tests/clients/run.py plays: the URL goes to standard output, the parameters of the callback come back.

import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const baseUrl = process.argv[2]!;
export const redirectUri = `${baseUrl}/example/callback/`;
export const email = "noor@demo.example";

export async function signIn(authorizationUrl: string): Promise<{ code: string; state: string; iss: string }> {
  console.log(authorizationUrl);
  return JSON.parse((await lines.next()).value);
}

export function check(condition: unknown, what: string, found: unknown): asserts condition {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(found)}`);
}

export function finish(): never {
  process.exit();
}
