// The code for curl on the start page, run as it is printed, for each kind of credential.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Consents as Mara; returns the callback URL. */
async function consent(authorizationUrl) {
  const page = await (await fetch(authorizationUrl)).text();
  const body = new URLSearchParams({ consent_id: /name="consent_id" value="([^"]+)"/.exec(page)[1], user: "mara" });
  const answer = await fetch(new URL("/consent", authorizationUrl), { method: "POST", body, redirect: "manual" });
  return new URL(answer.headers.get("location"));
}

async function bash(script, cwd) {
  const { stdout } = await execute("bash", ["-euc", script.replaceAll("curl ", "curl -s ")], { cwd });
  return JSON.parse(stdout);
}

export const tests = ["jwt-pair-user", "session", "token_user", "knox_user"].map((kind) => ({
  name: `start page: the code for curl works as printed (${kind})`,
  run: async ({ page, base }) => {
    await page.goto(base);
    await page.getByRole("button", { name: "Sign in with Demo provider", exact: true }).waitFor();
    const code = await page.locator(`#code-curl pre[data-kind="${kind}"]`).textContent();
    const [, begin, , exchange, use] = code.split(/^# \d\. .*$/m);
    const folder = mkdtempSync(join(tmpdir(), "rest-social-auth-code-"));
    try {
      const begun = await bash(begin, folder);
      const callback = await consent(begun.authorization_url);
      const values = `FLOW_TOKEN='${begun.flow_token}'\nCALLBACK='${callback.search.slice(1)}'\n`;
      const login = await bash(values + exchange, folder);
      const user = await bash(use.replace("TOKEN='...'", `TOKEN='${login.token}'`), folder);
      assert.equal(user.first_name, "Mara");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
}));
