// The TOML blocks of the manual are settings with which a server starts.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blocksIn } from "./blocks.mjs";
import { freePort, start, temporaryFolder } from "./server.mjs";

const SECRET_KEY = "a-key-of-the-tests-of-the-manual-0a1b2c3d4e5f";
const WEBHOOK_SECRET = `whsec_${Buffer.from("a secret of the tests of the manual").toString("base64")}`;
/** What every server needs. A block that has one of them replaces it. */
const PROVIDERS = ["github", "google-oauth2"];
const BASE = { public_url: '"http://127.0.0.1:8000"', secret_key: `"${SECRET_KEY}"` };

export async function checkSettings(binary, files) {
  const blocks = files.flatMap((file) => blocksIn(file, "toml"));
  await Promise.all(blocks.map((block) => checkBlock(binary, block)));
  return blocks;
}

async function checkBlock(binary, { file, line, text }) {
  const { folder, remove } = temporaryFolder();
  try {
    const own = text.replaceAll("whsec_…", WEBHOOK_SECRET).replaceAll("…", "x");
    const base = Object.entries(BASE).filter(([name]) => !new RegExp(`^${name} =`, "m").test(own));
    const path = join(folder, "settings.toml");
    const providers = PROVIDERS.filter((name) => !own.includes(`[providers.${name}]`));
    const lines = base.map(([name, value]) => `${name} = ${value}\n`);
    const tables = providers.map((name) => `[providers.${name}]\nkey = "x"\nsecret = "x"\n`);
    writeFileSync(path, [...lines, own, ...tables].join(""));
    chmodSync(path, 0o600);
    const port = await freePort();
    const args = ["serve", "--config", path, "--listen", `127.0.0.1:${port}`];
    const server = await start(binary, args, { cwd: folder, env: {}, url: `http://127.0.0.1:${port}/healthz` });
    await server.stop();
  } catch (error) {
    throw new Error(`${file}:${line}: ${error.message}`, { cause: error });
  } finally {
    remove();
  }
}
