import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanAddress, isCallbackOf, readCallback } from "../src/callback.js";

test("a callback has a code, an error or OAuth 1.0a parameters, and is matched by state or request token", () => {
  const cases: [string, string[]][] = [
    ["https://app.example/cb?code=c&state=s&iss=https%3A%2F%2Fp.example", ["s"]],
    ["https://app.example/cb?error=access_denied&state=s", ["s"]],
    ["https://app.example/cb?oauth_token=t&oauth_verifier=v", ["t"]],
    ["https://app.example/cb?redirect_state=r&oauth_token=t&oauth_verifier=v", ["r", "t"]],
    ["https://app.example/cb?denied=t", ["t"]],
    ["https://app.example/cb?tab=1#code=c&state=s", ["s"]],
  ];
  for (const [address, keys] of cases) {
    const fields = readCallback(address) ?? {};
    for (const key of keys) assert.ok(isCallbackOf([key], fields), address);
    assert.ok(!isCallbackOf(["other", null], fields));
  }
});

test("all parameters of the provider are sent to the server, decoded, with the last of a repeated parameter", () => {
  const address = "https://app.example/cb?code=a&code=4%2F0Ab+x&state=s&iss=https%3A%2F%2Fp.example&shop=x";
  const fields = { code: "4/0Ab x", state: "s", iss: "https://p.example", shop: "x" };
  assert.deepEqual(readCallback(address), fields);
});

test("a URL without a callback parameter or without a key is no callback", () => {
  for (const query of ["", "?state=s", "?code=c", "?code=&state=s", "?page=2#section"]) {
    assert.equal(readCallback(`https://app.example/${query}`), undefined, query);
  }
});

test("cleanAddress leaves the page and the query of the redirect URI", () => {
  const cases: [string, string | undefined, string][] = [
    ["https://app.example/cb?tab=1&code=c&state=s&iss=i#part", "https://app.example/cb?tab=1", "https://app.example/cb?tab=1"],
    ["https://app.example/cb?code=c&state=s#_=_", "https://app.example/cb", "https://app.example/cb"],
    ["https://app.example/cb#code=c&state=s", undefined, "https://app.example/cb"],
    ["https://app.example/cb?oauth_token=t&oauth_verifier=v", undefined, "https://app.example/cb"],
    ["https://app.example/cb?x=1&redirect_state=s&openid.mode=id_res&openid.sig=c", "https://app.example/cb?x=1", "https://app.example/cb?x=1"],
    ["https://app.example/cb?redirect_state=s#tgAuthResult=e30", "https://app.example/cb", "https://app.example/cb"],
  ];
  for (const [dirty, redirectUri, clean] of cases) assert.equal(cleanAddress(dirty, redirectUri), clean);
});

test("an address that is not a URL is no callback", () => assert.equal(readCallback("x y"), undefined));

test("a Steam assertion is sent unchanged and removed from the URL", () => {
  const address = "https://a.example/cb?x=1&redirect_state=s1&openid.mode=id_res&openid.sig=c2ln";
  assert.deepEqual(readCallback(address), { x: "1", redirect_state: "s1", "openid.mode": "id_res", "openid.sig": "c2ln" });
});

test("Telegram data is read from the fragment", () => {
  const data = Buffer.from(JSON.stringify({ id: 7, first_name: "Zoë", auth_date: 9, hash: "ab" })).toString("base64url");
  const address = `https://a.example/cb?redirect_state=s1#tgAuthResult=${data}`;
  assert.deepEqual(readCallback(address), { redirect_state: "s1", id: "7", first_name: "Zoë", auth_date: "9", hash: "ab" });
  const declined = readCallback("https://a.example/cb?redirect_state=s1#tgAuthResult=false");
  assert.equal(declined?.error, "access_denied");
});
