import { assert, describe, it } from "@effect/vitest"
import { normalTarget } from "../../src/proof/targetUri.ts"

/** What a reader that trusts the WHATWG parser compares: origin and path. */
const byUrl = (uri: string): string | undefined => {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  return url === undefined || !/^https?:$/.test(url.protocol)
    ? undefined
    : `${url.protocol}//${url.host}${url.pathname}`
}

const lower = (text: string) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

/** RFC 3986 §6.2.2.1, §6.2.2.2. */
const escapes = (text: string) =>
  text.replaceAll(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase()
  })

/** RFC 3986 §5.2.4, as it is written there. */
const withoutDotSegments = (path: string): string => {
  let input = path
  let output = ""
  while (input !== "") {
    if (input.startsWith("/./")) input = input.slice(2)
    else if (input === "/.") input = "/"
    else if (input.startsWith("/../") || input === "/..") {
      input = `/${input.slice(4)}`
      output = output.slice(0, Math.max(0, output.lastIndexOf("/")))
    } else {
      const next = input.indexOf("/", 1)
      const end = next < 0 ? input.length : next
      output += input.slice(0, end)
      input = input.slice(end)
    }
  }
  return output
}

/** The grammar of RFC 3986 §3, for http (RFC 9110 §4.2) without credentials, and its normal form (§6.2.2, §6.2.3). */
const byRfc3986 = (uri: string): string | undefined => {
  const pchar = "[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
  const grammar = new RegExp(
    "^(https?)://((?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\\[[0-9A-Fa-f:.]+\\])(?::([0-9]*))?" +
      `((?:/(?:${pchar})*)*)(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?$`,
    "i"
  )
  const [, scheme, host, port = "", path] = grammar.exec(uri) ?? []
  if (scheme === undefined || host === undefined || path === undefined) return undefined
  const isDefault = port === "" || (lower(scheme) === "https" ? port === "443" : port === "80")
  const normal = withoutDotSegments(escapes(path))
  return `${lower(scheme)}://${lower(escapes(lower(host)))}${isDefault ? "" : `:${port}`}${normal === "" ? "/" : normal}`
}

const token = "https://issuer.example/token"
const none = undefined

/** Both readers say what we say. */
const agreed: ReadonlyArray<readonly [uri: string, normal: string | undefined]> = [
  ["https://issuer.example/token", token],
  // RFC 3986 §6.2.2.1: case of scheme and host, and of nothing else.
  ["HTTPS://issuer.example/token", token],
  ["hTTps://ISSUER.Example/token", token],
  ["https://issuer.example/Token", "https://issuer.example/Token"],
  ["https://issuer.example/TOKEN", "https://issuer.example/TOKEN"],
  ["http://issuer.example/token", "http://issuer.example/token"],
  // §6.2.3: default and empty ports.
  ["https://issuer.example:443/token", token],
  ["https://issuer.example:/token", token],
  ["http://issuer.example:80/token", "http://issuer.example/token"],
  ["https://issuer.example:80/token", "https://issuer.example:80/token"],
  ["http://issuer.example:443/token", "http://issuer.example:443/token"],
  ["https://issuer.example:8443/token", "https://issuer.example:8443/token"],
  ["https://issuer.example:65535/token", "https://issuer.example:65535/token"],
  // §6.2.2.3: dot segments.
  ["https://issuer.example/./token", token],
  ["https://issuer.example/a/../token", token],
  ["https://issuer.example/../token", token],
  ["https://issuer.example/../../token", token],
  ["https://issuer.example/a/b/../../token", token],
  ["https://issuer.example/%2e%2e/token", token],
  ["https://issuer.example/a/%2E./token", token],
  ["https://issuer.example/token/.", "https://issuer.example/token/"],
  ["https://issuer.example/token/..", "https://issuer.example/"],
  ["https://issuer.example/...", "https://issuer.example/..."],
  ["https://issuer.example/token/..a", "https://issuer.example/token/..a"],
  ["https://issuer.example//token", "https://issuer.example//token"],
  ["https://issuer.example/a//../token", "https://issuer.example/a/token"],
  ["https://issuer.example/token//", "https://issuer.example/token//"],
  ["https://issuer.example/token/", "https://issuer.example/token/"],
  // §6.2.3: an empty path.
  ["https://issuer.example", "https://issuer.example/"],
  ["https://issuer.example/", "https://issuer.example/"],
  ["https://issuer.example?", "https://issuer.example/"],
  ["https://issuer.example?a=/token", "https://issuer.example/"],
  ["https://issuer.example#a", "https://issuer.example/"],
  // RFC 9449 §4.3: query and fragment are ignored.
  ["https://issuer.example/token?", token],
  ["https://issuer.example/token?a=b&c=%7A", token],
  ["https://issuer.example/token#", token],
  ["https://issuer.example/token#a?b", token],
  ["https://issuer.example/token?a#b", token],
  ["https://issuer.example/token?https://evil.example/", token],
  ["https://issuer.example/token?a@b", token],
  // Reserved characters are data where they are: an escape of one is another path.
  ["https://issuer.example/a%2Ftoken", "https://issuer.example/a%2Ftoken"],
  ["https://issuer.example/token%3Fa", "https://issuer.example/token%3Fa"],
  ["https://issuer.example/token%23a", "https://issuer.example/token%23a"],
  ["https://issuer.example/token%00", "https://issuer.example/token%00"],
  ["https://issuer.example/token%20", "https://issuer.example/token%20"],
  ["https://issuer.example/token;a=b", "https://issuer.example/token;a=b"],
  ["https://issuer.example/a:b@c", "https://issuer.example/a:b@c"],
  ["https://issuer.example/token+", "https://issuer.example/token+"],
  // Hosts.
  ["https://[2001:db8::1]/token", "https://[2001:db8::1]/token"],
  ["https://[2001:DB8::1]:443/token", "https://[2001:db8::1]/token"],
  ["https://xn--bcher-kva.example/token", "https://xn--bcher-kva.example/token"],
  ["https://XN--BCHER-KVA.example/token", "https://xn--bcher-kva.example/token"],
  ["https://issuer.example./token", "https://issuer.example./token"],
  ["https://192.0.2.1/token", "https://192.0.2.1/token"],
  ["https://%69ssuer.example/token", token],
  ["https://sub.issuer.example/token", "https://sub.issuer.example/token"],
  ["https://issuer.example.evil.example/token", "https://issuer.example.evil.example/token"],
  // No http(s) URI at all.
  ["", none],
  ["token", none],
  ["/token", none],
  ["//issuer.example/token", none],
  ["issuer.example/token", none],
  ["ftp://issuer.example/token", none],
  ["javascript:alert(1)", none],
  ["urn:ietf:params:oauth", none],
  ["https:", none],
  ["https://", none],
  ["https://:443/token", none],
  ["https://issuer.example:port/token", none],
  ["https://a b/token", none],
  ["https://[::1/token", none],
  ["https://[::1]]/token", none]
]

/** One of the two readers differs: which, and why we say what we say. */
const differing: ReadonlyArray<
  readonly [uri: string, normal: string | undefined, other: "URL" | "RFC 3986", why: string]
> = [
  ["https://issuer.example/%74oken", token, "URL", "unreserved characters need no escape: §6.2.2.2"],
  ["https://issuer.example/tok%65n", token, "URL", "the same"],
  ["https://issuer.example/%54oken", "https://issuer.example/Token", "URL", "the same, and its case stays"],
  ["https://issuer.example/a%2ftoken", "https://issuer.example/a%2Ftoken", "URL", "hexadecimal has one case: §6.2.2.1"],
  ["https://issuer.example/%7Etoken", "https://issuer.example/~token", "URL", "§6.2.2.2 names the tilde"],
  ["https://issuer.example/a%2d%5Fb", "https://issuer.example/a-_b", "URL", "§6.2.2.2"],
  ["https://user@issuer.example/token", none, "URL", "credentials are no part of an endpoint's URI"],
  ["https://user:password@issuer.example/token", none, "URL", "the same"],
  ["https://@issuer.example/token", none, "URL", "the same, though they are empty"],
  ["https://issuer.example@evil.example/token", none, "URL", "the same: it reads like ours, and is not"],
  ["https:issuer.example/token", none, "URL", "no authority: the parser makes one up"],
  ["https:/issuer.example/token", none, "URL", "the same"],
  ["https:///issuer.example/token", none, "URL", "an empty authority: the parser takes the next segment"],
  ["https:\\\\issuer.example\\token", none, "URL", "a backslash is in no URI; the parser reads a slash"],
  ["https://issuer.example\\token", none, "URL", "the same"],
  ["https://issuer.example/a\\..\\token", none, "URL", "the same"],
  ["https://issuer.example/token?a\\b", none, "URL", "the same, wherever it stands"],
  [" https://issuer.example/token", none, "URL", "white space is in no URI; the parser drops it"],
  ["https://issuer.example/token ", none, "URL", "the same"],
  ["https://issuer.example/to ken", none, "URL", "the parser escapes it"],
  ["https://issuer.example/token\n", none, "URL", "the parser drops it"],
  ["https://issuer.example/to\tken", none, "URL", "the parser drops it"],
  ["ht\ntps://issuer.example/token", none, "URL", "the parser drops it"],
  ["https://issuer.exa\tmple/token", none, "URL", "the parser drops it"],
  ["https://issuer.example/token\u0000", none, "URL", "the parser escapes it"],
  ["https://issuer.example/tok\u00e9n", none, "URL", "an IRI is no URI; the parser escapes it"],
  ["https://b\u00fccher.example/token", none, "URL", "the same; the parser makes Punycode of it"],
  ["https://\uff49ssuer.example/token", none, "URL", "full-width letters; the parser makes them ours"],
  ["https://issuer.example\u3002/token", none, "URL", "an ideographic full stop; the parser makes it a dot"],
  ["https://issu\u00ader.example/token", none, "URL", "a soft hyphen; the parser drops it"],
  [
    "https://[0:0:0:0:0:0:0:1]/token",
    "https://[::1]/token",
    "RFC 3986",
    "one address: RFC 5952, which §6.2.2 leaves out"
  ],
  ["https://[::ffff:192.0.2.1]/token", "https://[::ffff:c000:201]/token", "RFC 3986", "the same"],
  ["https://127.1/token", "https://127.0.0.1/token", "RFC 3986", "a name by the grammar, an address to every resolver"],
  ["https://2130706433/token", "https://127.0.0.1/token", "RFC 3986", "the same"],
  ["https://issuer.example:0443/token", token, "RFC 3986", "one number"],
  ["https://issuer.example:65536/token", none, "RFC 3986", "no port"],
  ["https://256.256.256.256/token", none, "RFC 3986", "no address, and to the parser no name"],
  [
    "https://issuer.example/token%zz",
    "https://issuer.example/token%zz",
    "RFC 3986",
    "no escape; no endpoint of ours has it"
  ],
  ["https://issuer.example/token?%zz", token, "RFC 3986", "the query is not looked at"],
  ['https://issuer.example/token"', "https://issuer.example/token%22", "RFC 3986", "no endpoint of ours has it"]
]

describe("htu", () => {
  for (const [uri, normal] of agreed) {
    it(`RFC 9449 §4.3, RFC 3986 §6.2: ${JSON.stringify(uri)} is ${normal ?? "no target"}, whoever reads it`, () => {
      assert.deepStrictEqual([normalTarget(uri), byUrl(uri), byRfc3986(uri)], [normal, normal, normal])
    })
  }

  for (const [uri, normal, other, why] of differing) {
    it(`RFC 9449 §4.3: ${JSON.stringify(uri)} is ${normal ?? "no target"}, unlike ${other} says: ${why}`, () => {
      assert.strictEqual(normalTarget(uri), normal)
      assert.deepStrictEqual(
        [byUrl(uri) === normal, byRfc3986(uri) === normal],
        [other !== "URL", other !== "RFC 3986"]
      )
    })
  }

  it("RFC 3986 §6.1: a normal form is its own", () => {
    const normals = [...agreed, ...differing].map(([, normal]) => normal).filter((one) => one !== none)
    assert.deepStrictEqual(normals.map(normalTarget), normals)
  })
})
