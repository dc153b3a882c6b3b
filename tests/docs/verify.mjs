// "Try it" of docs/VERIFY.md: a development server, a service that verifies its tokens, and the calls to it.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { blocksIn, ROOT } from "./blocks.mjs";
import { run } from "./client.mjs";
import { freePort, start, startDev } from "./server.mjs";

const SERVER = "http://127.0.0.1:8000";
const SERVICE = "http://127.0.0.1:3000";

/** `signIn`: Python source of the function `sign_in`. */
export async function checkVerify(binary, signIn) {
  const blocks = blocksIn("docs/VERIFY.md", "sh", "console");
  const [startServer, startService, calls, revoke] = blocks;
  const variables = (text) => Object.fromEntries([...text.matchAll(/^((?:[A-Z_]+=\S+ )+)/gm)].flatMap(([line]) => pairs(line)));
  const server = await startDev(binary, variables(startServer.text));
  const running = [server];
  try {
    const [, database] = /DATABASE_URL=sqlite:\/\/(\S+)/.exec(startService.text);
    const env = { PATH: process.env.PATH, DATABASE_URL: `sqlite://${join(server.data, database.split("/").at(-1))}` };
    const added = spawnSync(binary, ["services", "add", "try", "--json"], { cwd: server.data, env, encoding: "utf8" });
    const { client_id: id, client_secret: secret } = JSON.parse(added.stdout);
    const [, folder] = /^cd (\S+)$/m.exec(startService.text);
    const port = await freePort();
    const service = { ISSUER: server.base, CLIENT_ID: id, CLIENT_SECRET: secret, PORT: String(port) };
    const given = Object.keys(variables(startService.text)).filter((name) => name !== "DATABASE_URL");
    if (given.join() !== "ISSUER,CLIENT_ID,CLIENT_SECRET") throw new Error(`The service gets ${given.join(", ")}.`);
    // The program answers 404 at `/`, so it is ready when the port does.
    running.push(await start("node", ["server.js"], { cwd: join(ROOT, folder), env: service, url: `http://127.0.0.1:${port}/`, anyStatus: true }));

    const source = signIn.replaceAll(SERVER, server.base);
    const token = run("python3", ["-c", `${source}\nprint(sign_in("mara")["token"])`], ROOT).trim();
    const shell = (command) => {
      const real = command.replaceAll(SERVER, server.base).replaceAll(SERVICE, `http://127.0.0.1:${port}`);
      return run("bash", ["-c", real.replaceAll(/Bearer eyJ\S*…/g, `Bearer ${token}`)], ROOT);
    };
    const commands = [...calls.text.matchAll(/^\$ (.*)\n(.*)$/gm)];
    for (const [, command, expected] of commands) equal(shell(command), expected);
    shell(revoke.text);
    const answers = commands.map(([, command]) => shell(command));
    equal(answers[0], commands[0][2]);
    equal(answers[1], '{"error":"invalid_token"}');
    return blocks.slice(0, 4);
  } finally {
    for (const program of running.reverse()) await program.stop();
  }
}

function pairs(line) {
  return line.trim().split(" ").map((pair) => pair.split("="));
}

function equal(actual, expected) {
  if (actual.trim() !== expected) throw new Error(`${actual} instead of ${expected}`);
}
