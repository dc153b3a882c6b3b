// Takes the picture of README: the start page of `dev` with a signed-in user. `node tests/docs/screenshot.mjs --bin PATH`

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { ROOT } from "./blocks.mjs";
import { startDev } from "./server.mjs";

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: "target/debug/rest-social-auth" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    out: { type: "string", default: "docs/images/start-page.png" },
  },
});
const path = join(ROOT, options.out);
mkdirSync(join(path, ".."), { recursive: true });
const server = await startDev(resolve(ROOT, options.bin));
const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 1100, height: 760 }, deviceScaleFactor: 1 });
  await page.goto(server.base);
  await page.getByRole("button", { name: "Sign in with Demo provider", exact: true }).click();
  await page.getByRole("button", { name: "Continue as Mara Lindqvist" }).click();
  await page.getByText("mara@demo.example").first().waitFor();
  await page.screenshot({ path });
} finally {
  await browser.close();
  await server.stop();
}
