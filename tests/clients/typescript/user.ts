// The user, whom tests/clients/run.py plays: the URL goes to standard output, the parameters of the callback come back.

import { createInterface } from "node:readline";

const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();

export const baseUrl = process.argv[2]!;
export const redirectUri = `${baseUrl}/docs/`;
export const email = "noor@demo.example";

/** Signs in at the provider. */
export async function consent(authorizationUrl: string): Promise<{ code: string; state: string; iss: string }> {
  console.log(authorizationUrl);
  const line = await lines.next();
  return JSON.parse(line.value!);
}

export function check(condition: unknown, what: string, found: unknown): asserts condition {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(found)}`);
}

export function finish() {
  input.close();
}
