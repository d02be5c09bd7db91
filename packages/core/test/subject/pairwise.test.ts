import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Client } from "../../src/client/Client.ts"
import { userinfo } from "../../src/userinfo/userinfo.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { sectorOf } from "../../src/subject/subjectFor.ts"
import { aClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as TestServer from "../../src/testing/TestServer.ts"

/** A client that registered for pairwise subjects, with redirect URIs at that host. */
const aPairwiseClient = Effect.fnUntraced(function* (host: string, metadata: Client["metadata"] = {}) {
  const client = aClient({
    redirectUris: [`https://${host}/callback`],
    firstParty: true,
    metadata: { subject_type: "pairwise", ...metadata }
  })
  yield* register(client)
  return client
})

/** The `sub` of the ID token that the client receives for the person of this browser. */
const subOf = Effect.fnUntraced(function* (client: Client, browser: TestServer.TestBrowser) {
  const request = yield* TestServer.authorizationRequest(client, { scope: "openid offline_access" })
  const code = yield* TestServer.obtainCode(browser, request)
  const tokens = yield* TestServer.exchangeCode(client, code)
  const claims = yield* SigningKeys.use((keys) => keys.verifyOwn(testIssuer, "JWT", tokens.id_token!))
  return { sub: Option.getOrThrow(claims)["sub"], tokens }
})

layer(TestServer.layer(), { timeout: "30 seconds" })("OpenID Connect Core §8: subject identifier types", (it) => {
  it.effect("§8.1: clients of one sector know a person under one pseudonym, others under another", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* TestServer.aSignedInBrowser()
      const one = yield* aPairwiseClient("one.example")
      const sibling = yield* aPairwiseClient("one.example")
      const other = yield* aPairwiseClient("two.example")
      const joined = yield* aPairwiseClient("three.example", { sector_identifier_uri: "https://one.example/uris.json" })
      const { sub } = yield* subOf(one, browser)
      assert.notStrictEqual(sub, subject)
      assert.strictEqual((yield* subOf(one, browser)).sub, sub)
      assert.strictEqual((yield* subOf(sibling, browser)).sub, sub)
      assert.strictEqual((yield* subOf(joined, browser)).sub, sub)
      assert.notStrictEqual((yield* subOf(other, browser)).sub, sub)
    })
  )

  it.effect("§5.3.2, RFC 7662 §2.2: userinfo and introspection say the pseudonym too, and never the subject", () =>
    Effect.gen(function* () {
      const { browser, subject } = yield* TestServer.aSignedInBrowser()
      const client = yield* aPairwiseClient("one.example")
      const { sub, tokens } = yield* subOf(client, browser)
      const claims = yield* userinfo({ method: "GET", authorization: `Bearer ${tokens.access_token}` }, new Map())
      assert.strictEqual(claims["sub"], sub)
      const { header, parameters } = TestServer.credentialsOf(client)
      for (const token of [tokens.access_token, tokens.refresh_token!]) {
        const answer = yield* introspect(form({ ...parameters, token }), header)
        assert.strictEqual(answer.active && answer.sub, sub)
        assert.notInclude(JSON.stringify(answer), subject)
      }
    })
  )

  it.effect("§3.1.2.1: an ID token with a pseudonym is a hint to the person, and another person's is refused", () =>
    Effect.gen(function* () {
      const client = yield* aPairwiseClient("one.example")
      const alice = yield* TestServer.aSignedInBrowser()
      const bob = yield* TestServer.aSignedInBrowser()
      const { tokens } = yield* subOf(client, alice.browser)
      yield* subOf(client, bob.browser)
      const silently = yield* TestServer.authorizationRequest(client, {
        prompt: "none",
        id_token_hint: tokens.id_token!
      })
      assert.strictEqual((yield* TestServer.authorize(alice.browser, silently))._tag, "Respond")
      const refused = yield* Effect.flip(TestServer.authorize(bob.browser, silently))
      assert.strictEqual(refused._tag === "RedirectRefusal" && refused.error.reason, "AnotherSubjectSignedIn")
    })
  )
})

describe("§8.1: the sector", () => {
  const sector = (redirectUris: ReadonlyArray<string>, metadata: Client["metadata"] = {}) =>
    sectorOf(aClient({ redirectUris, metadata }))
  it("is the host of sector_identifier_uri, else the one host of all redirect URIs, else none", () => {
    assert.strictEqual(sector(["https://a.example/1", "https://a.example/2"]), "a.example")
    assert.isUndefined(sector(["https://a.example/", "https://b.example/"]))
    assert.strictEqual(
      sector(["https://a.example/", "https://b.example/"], { sector_identifier_uri: "https://c.example/uris" }),
      "c.example"
    )
  })
})
