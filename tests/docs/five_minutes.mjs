// The tutorial: each command is run, or replaced by what it does without network, and the page is used in a browser.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { blocksIn, blocksOf, ROOT } from "./blocks.mjs";
import { installClient, run } from "./client.mjs";
import { freePort, start, startDev, temporaryFolder } from "./server.mjs";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/** Milliseconds. It only stops a check that hangs. */
const ELEMENT_TIMEOUT = 60_000;
const BUTTON = "Sign in with Demo provider";
const SERVER = "http://localhost:8000";
const PAGE = "http://localhost:5173";

/** Runs the commands of the tutorial in order. `state` is what they leave behind. */
class Tutorial {
  constructor({ binary, client, folder, pagePort }) {
    Object.assign(this, { binary, client, folder, pagePort, app: folder, running: [] });
  }

  get page() {
    return `http://localhost:${this.pagePort}`;
  }

  /** What each command of the tutorial does here. The first pattern that matches counts. */
  rules = [
    [/^cd my-app$/, () => (this.app = join(this.folder, "my-app"))],
    [/^cd \S+$/, () => {}],
    [/^npm ci$/, () => {}], // make test-docs has done it
    [/^npm run build$/, () => run("npm", ["run", "--silent", "build"], this.client)],
    [/^npm pack --pack-destination \S+$/, () => {}], // installClient packs
    [/^make run ARGS="([^"]+)"$/, (args) => this.startServer(args.split(" "))],
    [/^npm create --yes vite@latest my-app -- (.+)$/, (options) => this.createProject(options)],
    [/^npm install$/, () => mkdirSync(join(this.app, "node_modules"), { recursive: true })],
    [/^npm install \S+rest-social-auth-client-\S+\.tgz$/, () => installClient(this.client, this.app)],
    [/^npm run dev$/, () => this.startPage()],
  ];

  async execute(line) {
    for (const [pattern, act] of this.rules) {
      const match = pattern.exec(line);
      if (match) return act(...match.slice(1));
    }
    throw new Error(`tests/docs/five_minutes.mjs has no rule for the command: ${line}`);
  }

  async startServer(args) {
    this.server = await startDev(this.binary, {}, args);
    this.running.push(this.server);
  }

  createProject(options) {
    run(join(ROOT, "tests/docs/node_modules/.bin/create-vite"), ["my-app", ...options.split(" ")], this.folder);
  }

  /** Writes a file that the text before the block names. */
  write(path, text) {
    const own = text.replaceAll(SERVER, this.server.base).replaceAll(PAGE, this.page);
    writeFileSync(join(this.app, path), own);
  }

  async startPage() {
    run(join(this.app, "node_modules/.bin/tsc"), ["-b"], this.app); // Vite does not check types
    const args = ["run", "dev", "--", "--port", String(this.pagePort), "--strictPort"];
    this.running.push(await start("npm", args, { cwd: this.app, env: {}, url: this.page }));
  }

  async stop() {
    for (const program of this.running.reverse()) await program.stop();
  }
}

export async function checkFiveMinutes(file, { binary, client, chromium: executablePath }) {
  const { folder, remove } = temporaryFolder();
  const tutorial = new Tutorial({ binary, client, folder, pagePort: await freePort() });
  try {
    const blocks = blocksOf(file);
    for (const { language, text } of blocks) {
      if (language === "tsx") tutorial.write("src/App.tsx", text);
      else for (const line of commands(text)) await tutorial.execute(line);
    }
    await usePage(tutorial.page, executablePath);
    return blocks;
  } finally {
    await tutorial.stop();
    remove();
  }
}

/** The commands of a block without comments and line ends. */
function commands(text) {
  const lines = text.replaceAll("\\\n", " ").split("\n").map((line) => line.replace(/ +#.*$/, "").replaceAll(/ +/g, " ").trim());
  return lines.flatMap((line) => line.split(" && ")).filter((line) => line !== "");
}

/** The snippet of docs/TESTING.md for Playwright. */
function signIn(page) {
  const [{ text }] = blocksIn("docs/TESTING.md", "js");
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  return new AsyncFunction("page", text)(page);
}

async function usePage(url, executablePath) {
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(ELEMENT_TIMEOUT);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url);
    await signIn(page);
    await page.reload();
    await page.getByText("Hello Mara!").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: BUTTON, exact: true }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: BUTTON, exact: true }).waitFor();
    if (errors.length > 0) throw new Error(errors.join("\n"));
  } finally {
    await browser.close();
  }
}
