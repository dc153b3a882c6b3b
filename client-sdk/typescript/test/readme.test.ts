import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";

/** Declarations that the examples expect from the page. */
const AROUND = `
import type { AskedField, SocialAuth, User } from "rest-social-auth-client";
declare global {
  const auth: SocialAuth;
  const button: HTMLButtonElement;
  const redirectUri: string;
  function ask(fields: AskedField[]): Promise<Record<string, string | boolean>>;
  function greet(user: User | null): void;
}
`;

test("every example of the README compiles, with the imports that it shows", () => {
  const blocks = readFileSync("README.md", "utf8").matchAll(/```ts\n(.*?)```/gs);
  const folder = "build/readme";
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const examples = [...blocks].map(([, block], at) => write(`example-${at}.ts`, `${block}\nexport {};\n`));
  assert.ok(examples.length >= 4);
  const program = ts.createProgram([write("around.ts", AROUND), ...examples], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    paths: { "rest-social-auth-client": [join(process.cwd(), "src/index.ts")] },
  });
  const faults = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  assert.deepEqual(faults, []);
});
