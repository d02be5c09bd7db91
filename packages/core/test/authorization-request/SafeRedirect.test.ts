import { assert, describe, it } from "@effect/vitest"
import { matchRedirectUri, whyNotRegistrable } from "../../src/authorization-request/SafeRedirect.ts"

const registered = "https://client.example/callback"
const web = { applicationType: "web", redirectUris: [registered, "https://client.example/q?a=1"] } as const
const native = {
  applicationType: "native",
  redirectUris: [
    "http://127.0.0.1/cb",
    "http://[::1]:4711/cb?x=1",
    "com.example.app:/cb",
    "http://localhost/cb",
    registered
  ]
} as const

/** Nothing of this may ever be redirected to, though some parser takes each for the registered one. */
const nasty = [
  ...[
    "",
    " ",
    "\t",
    "\n",
    "\0",
    "/",
    "//",
    "?",
    "#",
    ".",
    "..",
    "%00",
    "%20",
    "%0a",
    ";",
    "@",
    ":",
    "\\",
    "\u00a0",
    "\u200b"
  ]
    .flatMap((one) => [`${registered}${one}`, `${one}${registered}`])
    .filter((one) => one !== registered),
  "https://CLIENT.example/callback",
  "HTTPS://client.example/callback",
  "https://client.example/Callback",
  "https://client.example/callback/",
  "https://client.example/callback/extra",
  "https://client.example/callback/../callback",
  "https://client.example/./callback",
  "https://client.example//callback",
  "https://client.example/%63allback",
  "https://client.example/callback%2f",
  "https://client.example/callback?",
  "https://client.example/callback?a=1",
  "https://client.example/callback?code=x",
  "https://client.example/callback#",
  "https://client.example/callback#a",
  "https://client.example/callback;a=1",
  "https://client.example:443/callback",
  "https://client.example:0443/callback",
  "https://client.example:8443/callback",
  "https://client.example.:443/callback",
  "https://client.example./callback",
  "https://client.example.evil.example/callback",
  "https://evil.example/https://client.example/callback",
  "https://evil.example/?https://client.example/callback",
  "https://evil.example#https://client.example/callback",
  "https://client.example@evil.example/callback",
  "https://client.example:x@evil.example/callback",
  "https://user@client.example/callback",
  "https://client.example%40evil.example/callback",
  "https://client.example%2fcallback",
  "https://client.example\\@evil.example/callback",
  "https://evil.example\\client.example/callback",
  "https:\\\\client.example\\callback",
  "https:/client.example/callback",
  "https:client.example/callback",
  "https:///client.example/callback",
  "//client.example/callback",
  "/callback",
  "callback",
  "http://client.example/callback",
  "ftp://client.example/callback",
  "javascript://client.example/callback",
  "javascript:alert(1)",
  "data:text/html,x",
  "file:///callback",
  "https://client\u3002example/callback",
  "https://client.ex\u0430mple/callback",
  "https://cl\u0131ent.example/callback",
  "https://client.exa\u00admple/callback",
  "https://xn--client.example/callback",
  "https://[client.example]/callback",
  "https://client.example/callback\u2028",
  "https://client.example/call\tback",
  "https://client.example/call\nback",
  "https://client.example/call\r\nback",
  "https://client.example/callback\ud800",
  "https://client.example/q",
  "https://client.example/q?a=2",
  "https://client.example/q?a=1&b=2",
  "https://client.example/q?a=1#",
  "https://client.example/q?A=1",
  "https://client.example/q?a=%31",
  "https://*.example/callback",
  "*",
  "null",
  "undefined",
  "[object Object]",
  "__proto__",
  "constructor"
]

describe("redirect URIs", () => {
  it("RFC 9700 §4.1.3: the registered ones match, character by character", () => {
    for (const uri of web.redirectUris) assert.isTrue(matchRedirectUri(web, uri) === uri, uri)
    for (const uri of native.redirectUris) assert.isTrue(matchRedirectUri(native, uri) === uri, uri)
  })

  it("RFC 9700 §4.1.3: nothing else matches, whatever a parser makes of it", () => {
    assert.isAtLeast(nasty.length, 100)
    for (const uri of nasty) {
      assert.isUndefined(matchRedirectUri(web, uri), JSON.stringify(uri))
      assert.isUndefined(matchRedirectUri(native, uri), JSON.stringify(uri))
    }
  })

  it("RFC 8252 §7.3: a native client on a literal loopback address picks its port, and nothing but its port", () => {
    const allowed = [
      "http://127.0.0.1:1/cb",
      "http://127.0.0.1:80/cb",
      "http://127.0.0.1:65535/cb",
      "http://[::1]:9999/cb?x=1",
      "http://[::1]/cb?x=1"
    ]
    const refused = [
      "http://127.0.0.1:0/cb",
      "http://127.0.0.1:65536/cb",
      "http://127.0.0.1:99999/cb",
      "http://127.0.0.1:123456/cb",
      "http://127.0.0.1:/cb",
      "http://127.0.0.1:-1/cb",
      "http://127.0.0.1:8x/cb",
      "http://127.0.0.1: 80/cb",
      "http://127.0.0.1:80/cb/",
      "http://127.0.0.1:80/CB",
      "http://127.0.0.1:80/cb?x=1",
      "http://127.0.0.1:80/cb#x",
      "http://127.0.0.1:80@evil.example/cb",
      "http://127.0.0.1:80\\@evil.example/cb",
      "http://127.0.0.1.evil.example:80/cb",
      "http://user@127.0.0.1:80/cb",
      "https://127.0.0.1:80/cb",
      "http://127.0.0.2:80/cb",
      "http://127.1:80/cb",
      "http://2130706433:80/cb",
      "http://0x7f000001:80/cb",
      "http://localhost:80/cb",
      "http://[::1]:9999/cb",
      "http://[0:0:0:0:0:0:0:1]:9999/cb?x=1",
      "http://[::ffff:127.0.0.1]:80/cb",
      "http://127.0.0.1:80/cb\n"
    ]
    for (const uri of allowed) assert.isTrue(matchRedirectUri(native, uri) === uri, uri)
    for (const uri of refused) assert.isUndefined(matchRedirectUri(native, uri), uri)
    // A web client has no such exception.
    for (const uri of allowed) {
      assert.isUndefined(matchRedirectUri({ applicationType: "web", redirectUris: native.redirectUris }, uri), uri)
    }
  })

  it("RFC 6749 §3.1.2, RFC 8252 §7: what may be registered", () => {
    const rows: ReadonlyArray<readonly [uri: string, web: boolean, native: boolean]> = [
      ["https://client.example/cb", true, true],
      ["https://client.example:8443/cb?a=1", true, true],
      ["http://localhost:3000/cb", true, true],
      ["http://127.0.0.1/cb", true, true],
      ["http://[::1]/cb", true, true],
      ["com.example.app:/cb", false, true],
      ["com.example.app://cb", false, true],
      ["myapp://cb", false, false],
      ["http://client.example/cb", false, false],
      ["http://127.0.0.1.evil.example/cb", false, false],
      ["https://client.example/cb#", false, false],
      ["https://client.example/cb#fragment", false, false],
      ["https://user@client.example/cb", false, false],
      ["https://user:password@client.example/cb", false, false],
      ["https://client.example/cb?code=x", false, false],
      ["https://client.example/cb?state=x", false, false],
      ["https://client.example/cb?iss=x", false, false],
      ["javascript:alert(1)", false, false],
      ["data:text/html,x", false, false],
      ["file:///etc/passwd", false, false],
      ["/cb", false, false],
      ["", false, false],
      [" https://client.example/cb", false, false],
      ["https://client.example/c b", false, false],
      ["https://client.example/\u00e9", false, false]
    ]
    for (const [uri, isForWeb, isForNative] of rows) {
      assert.strictEqual(whyNotRegistrable(uri, "web") === undefined, isForWeb, uri)
      assert.strictEqual(whyNotRegistrable(uri, "native") === undefined, isForNative, uri)
    }
  })
})
