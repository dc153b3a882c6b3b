import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanAddress, readCallback } from "../src/callback.js";

test("a callback carries a code, an error, or OAuth 1.0a's answers, and is found by state or request token", () => {
  const cases: [string, string[]][] = [
    ["https://app.example/cb?code=c&state=s&iss=https%3A%2F%2Fp.example", ["s"]],
    ["https://app.example/cb?error=access_denied&state=s", ["s"]],
    ["https://app.example/cb?oauth_token=t&oauth_verifier=v", ["t"]],
    ["https://app.example/cb?redirect_state=r&oauth_token=t&oauth_verifier=v", ["r", "t"]],
    ["https://app.example/cb?denied=t", ["t"]],
    ["https://app.example/cb?tab=1#code=c&state=s", ["s"]],
  ];
  for (const [address, keys] of cases) assert.deepEqual(readCallback(address)?.keys, keys, address);
});

test("all that the provider sent goes on to the server, decoded, a repeated field as its last value", () => {
  const address = "https://app.example/cb?code=a&code=4%2F0Ab+x&state=s&iss=https%3A%2F%2Fp.example&shop=x";
  const fields = { code: "4/0Ab x", state: "s", iss: "https://p.example", shop: "x" };
  assert.deepEqual(readCallback(address)?.fields, fields);
});

test("an address without a mark, or without what names the login, is no callback", () => {
  for (const query of ["", "?state=s", "?code=c", "?code=&state=s", "?page=2#section"]) {
    assert.equal(readCallback(`https://app.example/${query}`), undefined, query);
  }
});

test("cleaning removes what the provider added and nothing else", () => {
  const cases: [string, string][] = [
    ["https://app.example/cb?tab=1&code=c&state=s&iss=i#part", "https://app.example/cb?tab=1#part"],
    ["https://app.example/cb?code=c&state=s", "https://app.example/cb"],
    ["https://app.example/cb?code=c&state=s#_=_", "https://app.example/cb"],
    ["https://app.example/cb#code=c&state=s", "https://app.example/cb"],
    ["https://app.example/cb?oauth_token=t&oauth_verifier=v", "https://app.example/cb"],
  ];
  for (const [dirty, clean] of cases) assert.equal(cleanAddress(dirty), clean);
});

test("Steam's assertion goes to the server as it is, and out of the address", () => {
  const address = "https://a.example/cb?x=1&redirect_state=s1&openid.mode=id_res&openid.sig=c2ln";
  assert.deepEqual(readCallback(address), {
    fields: { x: "1", redirect_state: "s1", "openid.mode": "id_res", "openid.sig": "c2ln" },
    keys: ["s1"],
  });
  assert.equal(cleanAddress(address), "https://a.example/cb?x=1");
});

test("Telegram's data is read from behind the hash", () => {
  const data = Buffer.from(JSON.stringify({ id: 7, first_name: "Zoë", auth_date: 9, hash: "ab" })).toString("base64url");
  const address = `https://a.example/cb?redirect_state=s1#tgAuthResult=${data}`;
  assert.deepEqual(readCallback(address), {
    fields: { redirect_state: "s1", id: "7", first_name: "Zoë", auth_date: "9", hash: "ab" },
    keys: ["s1"],
  });
  assert.equal(cleanAddress(address), "https://a.example/cb");
  const declined = readCallback("https://a.example/cb?redirect_state=s1#tgAuthResult=false");
  assert.equal(declined?.fields.error, "access_denied");
});
