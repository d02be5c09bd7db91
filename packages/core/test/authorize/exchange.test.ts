import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { applicationsOf, revokeApplication } from "../../src/consent/applications.ts"
import { hashToken } from "../../src/crypto/Crypto.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { aClient, aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import { TestHost } from "../../src/testing/TestHost.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["api.read"] })
const mail = aResource({ identifier: "https://mail.example", scopes: ["mail.send"] })
const noCode = "InvalidGrant CodeReplayed"

/** A code of this client for a fresh person. */
const aCode = Effect.fnUntraced(function* (
  client: Client,
  members: Record<string, string | ReadonlyArray<string> | undefined> = {}
) {
  const { browser, subject } = yield* Server.aSignedInBrowser()
  const code = yield* Server.obtainCode(browser, yield* Server.authorizationRequest(client, members))
  return { code, subject }
})

const isActive = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return (yield* introspect(form({ ...parameters, token }), header)).active
})

layer(Server.layer({ resources: [api, mail] }))("the authorization_code grant", (it) => {
  it.effect("RFC 6749 §4.1.4, §5.1: a code gives a token response", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client, { scope: "openid email offline_access" })
      const { access_token, id_token, refresh_token, ...rest } = yield* Server.exchangeCode(client, code)
      assert.match(access_token, /^[A-Za-z0-9_-]{43}$/)
      assert.match(refresh_token!, /^[A-Za-z0-9_-]{43}$/)
      assert.strictEqual(id_token!.split(".").length, 3)
      assert.deepStrictEqual(rest, { token_type: "Bearer", expires_in: 600, scope: "openid email offline_access" })
    })
  )

  it.effect("RFC 6749 §3.3, §5.1: without a scope the response names none, since a scope is never empty", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client, { scope: undefined })
      const response = yield* Server.exchangeCode(client, code)
      assert.deepStrictEqual(Object.keys(response), ["access_token", "token_type", "expires_in"])
    })
  )

  it.effect(
    "OpenID Connect Core §11: no refresh token without offline_access, nor to a client that cannot refresh",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { code } = yield* aCode(client)
        assert.isUndefined((yield* Server.exchangeCode(client, code)).refresh_token)
        const other = yield* register(aClient({ grantTypes: ["authorization_code"] }))
        const asked = yield* aCode(other, { scope: "openid offline_access" })
        const response = yield* Server.exchangeCode(other, asked.code)
        assert.isUndefined(response.refresh_token)
        assert.strictEqual(response.scope, "openid")
      })
  )

  it.effect("RFC 6749 §4.1.2: a replayed code is refused and revokes what it gave", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client, { scope: "openid offline_access" })
      const tokens = yield* Server.exchangeCode(client, code)
      assert.isTrue(yield* isActive(client, tokens.access_token))
      yield* refuses(Server.exchangeCode(client, code), noCode)
      assert.isFalse(yield* isActive(client, tokens.access_token))
      assert.isFalse(yield* isActive(client, tokens.refresh_token!))
      yield* refuses(Server.refresh(client, tokens.refresh_token!), "InvalidGrant GrantRevoked")
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 2))).map((event) => event.action)
      assert.deepStrictEqual(events.toSorted(), ["authorization_code.replayed", "grant.revoked"])
    })
  )

  it.effect("RFC 6749 §4.1.2: a replay revokes also when everything else about it is wrong", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client)
      const tokens = yield* Server.exchangeCode(client, code)
      yield* refuses(
        Server.exchangeCode(client, code, { redirect_uri: "https://evil.example", code_verifier: "x" }),
        noCode
      )
      assert.isFalse(yield* isActive(client, tokens.access_token))
    })
  )

  it.effect("RFC 7636 §4.6: a wrong verifier is refused and spends the code", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      for (const wrong of [
        undefined,
        "short",
        "w".repeat(43),
        `${Server.testVerifier} `,
        Server.testVerifier.toUpperCase()
      ]) {
        const { code } = yield* aCode(client)
        yield* refuses(Server.exchangeCode(client, code, { code_verifier: wrong }), "InvalidGrant CodeVerifierMismatch")
        yield* refuses(Server.exchangeCode(client, code), noCode)
      }
    })
  )

  it.effect("RFC 7636 §4.6: what a wrong verifier spent is no access that a person gave", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code, subject } = yield* aCode(client, { scope: "openid offline_access" })
      assert.strictEqual((yield* applicationsOf(subject)).length, 1)
      yield* Effect.exit(Server.exchangeCode(client, code, { code_verifier: "w".repeat(43) }))
      assert.deepStrictEqual(yield* applicationsOf(subject), [])
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 2))).map((event) => event.action)
      assert.deepStrictEqual(events, ["grant.revoked", "authorization_code.spent"])
    })
  )

  it.effect("RFC 7636 §4.6: a wrong verifier revokes nothing that was revoked before", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code, subject } = yield* aCode(client, { scope: "openid offline_access" })
      yield* revokeApplication(subject, client.clientId)
      yield* Effect.exit(Server.exchangeCode(client, code, { code_verifier: "w".repeat(43) }))
      const events = (yield* AuditLog.use((log) => log.latest(testIssuer, 2))).map((event) => event.action)
      assert.strictEqual(events[0], "authorization_code.spent")
      assert.notStrictEqual(events[1], "authorization_code.spent")
    })
  )

  it.effect("RFC 7636 §4.1: a verifier of 43 to 128 unreserved characters", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      for (const [verifier, isAllowed] of [
        ["v".repeat(42), false],
        ["v".repeat(43), true],
        ["-._~".repeat(32), true],
        ["v".repeat(129), false],
        [`${"v".repeat(42)}é`, false]
      ] as const) {
        const { code } = yield* aCode(client, { code_challenge: yield* hashToken(verifier) })
        const exchanged = Server.exchangeCode(client, code, { code_verifier: verifier })
        if (isAllowed) yield* exchanged
        else yield* refuses(exchanged, "InvalidGrant CodeVerifierMismatch")
      }
    })
  )

  it.effect("RFC 9700 §2.1.1: a verifier without a challenge is refused, against a PKCE downgrade", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient({ dangerouslyAllowNoPkce: true }))
      const withoutPkce = { code_challenge: undefined, code_challenge_method: undefined }
      const downgraded = yield* aCode(client, withoutPkce)
      yield* refuses(Server.exchangeCode(client, downgraded.code), "InvalidGrant CodeVerifierUnexpected")
      const plain = yield* aCode(client, withoutPkce)
      yield* Server.exchangeCode(client, plain.code, { code_verifier: undefined })
      const protectedCode = yield* aCode(client)
      yield* refuses(
        Server.exchangeCode(client, protectedCode.code, { code_verifier: undefined }),
        "InvalidGrant CodeVerifierMismatch"
      )
    })
  )

  it.effect("RFC 6749 §4.1.3: another client is refused, and burns nothing", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const stranger = yield* register(aClient())
      const { code } = yield* aCode(client)
      yield* refuses(Server.exchangeCode(stranger, code), "InvalidGrant IssuedToAnotherClient")
      yield* refuses(Server.exchangeCode(stranger, code, { code_verifier: "x" }), "InvalidGrant IssuedToAnotherClient")
      const tokens = yield* Server.exchangeCode(client, code)
      yield* refuses(Server.exchangeCode(stranger, code), "InvalidGrant IssuedToAnotherClient")
      assert.isTrue(yield* isActive(client, tokens.access_token))
    })
  )

  it.effect("RFC 6749 §4.1.3: the redirect_uri that was sent is sent again, the same; a wrong one spends nothing", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client)
      for (const wrong of [undefined, "", "https://client.example/callback/", "https://CLIENT.example/callback"]) {
        yield* refuses(Server.exchangeCode(client, code, { redirect_uri: wrong }), "InvalidGrant RedirectUriMismatch")
      }
      yield* Server.exchangeCode(client, code)
    })
  )

  it.effect("RFC 6749 §4.1.3: a redirect_uri that was not sent may be left out, and is not another one", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const leftOut = { redirect_uri: undefined, scope: "email" }
      yield* Server.exchangeCode(client, (yield* aCode(client, leftOut)).code, { redirect_uri: undefined })
      yield* Server.exchangeCode(client, (yield* aCode(client, leftOut)).code)
      const { code } = yield* aCode(client, leftOut)
      yield* refuses(
        Server.exchangeCode(client, code, { redirect_uri: "https://client.example/other" }),
        "InvalidGrant RedirectUriMismatch"
      )
    })
  )

  it.effect("RFC 6749 §4.1.2: a code lives for its lifetime, and not a millisecond longer", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const inTime = yield* aCode(client)
      yield* TestClock.adjust("59999 millis")
      yield* Server.exchangeCode(client, inTime.code)
      const late = yield* aCode(client)
      yield* TestClock.adjust("60 seconds")
      yield* refuses(Server.exchangeCode(client, late.code), "InvalidGrant CodeExpired")
    })
  )

  it.effect("RFC 6749 §4.1.2: a replay is a replay however late it comes", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client, { scope: "openid offline_access" })
      const tokens = yield* Server.exchangeCode(client, code)
      yield* TestClock.adjust("1 hour")
      yield* refuses(Server.exchangeCode(client, code), noCode)
      yield* refuses(Server.refresh(client, tokens.refresh_token!), "InvalidGrant GrantRevoked")
    })
  )

  it.effect("RFC 8707 §2.2: resource narrows the audience, and the scope with it", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const scope = "openid api.read mail.send"
      const both = [api.identifier, mail.identifier]
      const audienceOf = Effect.fnUntraced(function* (resource: string | ReadonlyArray<string> | undefined) {
        const { code } = yield* aCode(client, { scope, resource: both })
        const response = yield* Server.exchangeCode(client, code, { resource })
        const { header, parameters } = Server.credentialsOf(client)
        const seen = yield* introspect(form({ ...parameters, token: response.access_token }), header)
        return ["aud" in seen && seen.aud, response.scope]
      })
      assert.deepStrictEqual(yield* audienceOf(undefined), [both, "api.read mail.send"])
      assert.deepStrictEqual(yield* audienceOf(both), [both, "api.read mail.send"])
      assert.deepStrictEqual(yield* audienceOf(api.identifier), [api.identifier, "api.read"])
      const { code } = yield* aCode(client, { scope, resource: api.identifier })
      for (const [resource, reason] of [
        [mail.identifier, "ResourceNotGranted"],
        ["https://unknown.example", "ResourceNotGranted"],
        ["not a uri", "ResourceMalformed"],
        [`${api.identifier}#fragment`, "ResourceMalformed"]
      ] as const) {
        yield* refuses(Server.exchangeCode(client, code, { resource }), `InvalidTarget ${reason} resource`)
      }
      yield* Server.exchangeCode(client, code)
    })
  )

  it.effect(
    "RFC 6749 §4.1.2: of many requests at once with one code exactly one gets tokens, and none keeps them",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aPublicClient())
        const { code } = yield* aCode(client)
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, () => Effect.result(Server.exchangeCode(client, code))),
          { concurrency: "unbounded" }
        )
        const given = answers.flatMap((answer) => (answer._tag === "Success" ? [answer.success] : []))
        assert.strictEqual(given.length, 1)
        const refused = answers.flatMap((answer) => (answer._tag === "Failure" ? [answer.failure.reason] : []))
        assert.deepStrictEqual([...new Set(refused)], ["CodeReplayed"])
        assert.isFalse(yield* isActive(client, given[0]!.access_token))
      })
  )

  it.effect("a code gives nothing once its person's account is gone", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code, subject } = yield* aCode(client)
      yield* TestHost.use((host) => host.removeAccount(subject))
      yield* refuses(Server.exchangeCode(client, code), "InvalidGrant AccountGone")
    })
  )

  it.effect("RFC 6749 §10.10: an unknown code is refused, whatever its shape", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code } = yield* aCode(client)
      for (const guess of ["x", `${code}x`, code.slice(1), code.toUpperCase(), "\u{1F511}", "'; DROP TABLE codes;--"]) {
        assert.strictEqual(yield* refusalOf(Server.exchangeCode(client, guess)), "InvalidGrant CodeUnknown")
      }
      yield* Server.exchangeCode(client, code)
    })
  )
})
