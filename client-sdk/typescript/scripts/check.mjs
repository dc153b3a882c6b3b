// Fails when a generated file differs from its source: the types, the names that editors complete, and the bundle of the
// example pages.
// `npm run generate` writes both.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLE, bundle } from "./bundle.mjs";
import { NAMES, writeNames } from "./names.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rest-social-auth-sdk-"));
let stale = 0;

function compare(name, checkedIn, made) {
  const isSame = readFileSync(checkedIn, "utf8") === readFileSync(made, "utf8");
  console.log(`${isSame ? "ok   " : "STALE"} ${name}`);
  if (!isSame) stale++;
}

try {
  const types = join(folder, "schema.d.ts");
  const generator = here("../node_modules/.bin/openapi-typescript");
  execFileSync(generator, [here("../../../openapi.yaml"), "--output", types], { stdio: ["ignore", "ignore", "inherit"] });
  compare("client-sdk/typescript/src/schema.d.ts", here("../src/schema.d.ts"), types);
  const names = join(folder, "names.ts");
  writeNames(names);
  compare("client-sdk/typescript/src/names.ts", NAMES, names);
  const made = join(folder, "sdk.js");
  await bundle(made);
  compare("src/server/example/sdk.js", BUNDLE, made);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (stale > 0) {
  console.error("Generated files are out of date. Run `make sdk`.");
  process.exit(1);
}
