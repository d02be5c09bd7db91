import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { AuthorizationCodeStore } from "../../src/authorize/AuthorizationCodeStore.ts"
import type { Client } from "../../src/client/Client.ts"
import { hashToken } from "../../src/crypto/Crypto.ts"
import { isSubset } from "../../src/oauth/Scope.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { revoke } from "../../src/revocation/revoke.ts"
import { aClient, aPublicClient, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"

const isLive = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return (yield* introspect(form({ ...parameters, token }), header)).active
})

/** Owner and stranger registered once for every sequence: what is stored is only what the sequence stores. */
const people = Effect.gen(function* () {
  return {
    owner: yield* register(aPublicClient({ clientId: "owner" })),
    stranger: yield* register(aClient({ clientId: "stranger" }))
  }
})

const CodeMove = Schema.Literals([
  "exchange",
  "exchange",
  "stranger",
  "wrong verifier",
  "wrong redirect",
  "wrong resource",
  "twice at once",
  "wait"
])
const RefreshMove = Schema.TaggedUnion({
  Use: { which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })), narrow: Schema.Boolean },
  UseNewest: { narrow: Schema.Boolean },
  Race: { fibers: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 5 })) },
  Widen: {},
  Stranger: { which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })) },
  Revoke: { which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })) },
  Wait: { seconds: Schema.Literals([1, 29, 30, 3600]) }
})

layer(Server.layer())("any sequence of moves", (it) => {
  it.effect.prop(
    "RFC 6749 §4.1.2: a code yields tokens at most once, and a replay leaves none of them alive",
    [Schema.Array(CodeMove).check(Schema.isMaxLength(8))],
    ([moves]) =>
      Effect.gen(function* () {
        const { owner, stranger } = yield* people
        const { browser } = yield* Server.aSignedInBrowser()
        const code = yield* Server.obtainCode(browser, yield* Server.authorizationRequest(owner))
        const given: Array<string> = []
        let isSpent = false
        let waited = 0
        const attempt = (effect: ReturnType<typeof Server.exchangeCode>) =>
          Effect.map(Effect.result(effect), (answer) => {
            if (answer._tag === "Success") given.push(answer.success.access_token)
            return answer._tag === "Success"
          })
        for (const move of moves) {
          const mayWork: boolean = !isSpent && waited < 60
          switch (move) {
            case "exchange":
              assert.strictEqual(yield* attempt(Server.exchangeCode(owner, code)), mayWork)
              isSpent = isSpent || mayWork
              break
            case "twice at once": {
              const answers = yield* Effect.all(
                [1, 2].map(() => attempt(Server.exchangeCode(owner, code))),
                { concurrency: "unbounded" }
              )
              assert.strictEqual(answers.filter((one) => one).length, mayWork ? 1 : 0)
              isSpent = isSpent || mayWork
              break
            }
            case "stranger":
              assert.isFalse(yield* attempt(Server.exchangeCode(stranger, code)))
              break
            case "wrong verifier":
              assert.isFalse(yield* attempt(Server.exchangeCode(owner, code, { code_verifier: "w".repeat(43) })))
              isSpent = isSpent || mayWork
              break
            case "wrong redirect":
              assert.isFalse(yield* attempt(Server.exchangeCode(owner, code, { redirect_uri: "https://evil.example" })))
              break
            case "wrong resource":
              assert.isFalse(yield* attempt(Server.exchangeCode(owner, code, { resource: "https://evil.example" })))
              break
            case "wait":
              yield* TestClock.adjust("20 seconds")
              waited += 20
          }
          assert.isAtMost(given.length, 1)
          const stored = yield* AuthorizationCodeStore.use((codes) =>
            Effect.flatMap(hashToken(code), (hash) => codes.find(testIssuer, hash))
          )
          assert.strictEqual(stored._tag === "Some" && stored.value.code._tag, isSpent ? "Redeemed" : "Issued")
        }
        // Any answer by the owner after the first success was a replay.
        if (given.length === 1) {
          yield* Effect.exit(Server.exchangeCode(owner, code))
          assert.isFalse(yield* isLive(owner, given[0]!))
        }
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect.prop(
    "RFC 9700 §4.14.2: a family has at most one live refresh token, its scope never widens, and after reuse it is dead",
    [Schema.Array(RefreshMove).check(Schema.isMaxLength(12))],
    ([moves]) =>
      Effect.gen(function* () {
        const { owner, stranger } = yield* people
        const { tokens } = yield* Server.obtainTokens(owner, { scope: "openid email offline_access" })
        const whole = tokens.scope!.split(" ")
        /** Every refresh token ever given, oldest first. */
        const family = [tokens.refresh_token!]
        let isDead = false
        const take = (body: { readonly refresh_token?: string; readonly scope?: string }) => {
          assert.isTrue(isSubset(body.scope!.split(" "), whole), body.scope)
          if (!family.includes(body.refresh_token!)) family.push(body.refresh_token!)
        }
        const refreshed = (token: string, members = {}) =>
          Effect.map(Effect.result(Server.refresh(owner, token, members)), (answer) => {
            if (answer._tag === "Success") take(answer.success)
            else if (answer.failure.reason === "RefreshTokenReused" || answer.failure.reason === "GrantRevoked")
              isDead = true
            return answer
          })
        for (const move of moves) {
          const wasDead = isDead
          const at = "which" in move ? family[move.which % family.length]! : family.at(-1)!
          switch (move._tag) {
            case "Use":
            case "UseNewest": {
              const isNewest = at === family.at(-1)
              const answer = yield* refreshed(at, move.narrow ? { scope: "email" } : {})
              assert.strictEqual(answer._tag === "Success" && wasDead, false)
              if (isNewest && !wasDead) assert.strictEqual(answer._tag, "Success")
              break
            }
            case "Race": {
              const answers = yield* Effect.all(
                Array.from({ length: move.fibers }, () => refreshed(at)),
                { concurrency: "unbounded" }
              )
              const bodies = new Set(
                answers.map((one) => (one._tag === "Success" ? JSON.stringify(one.success) : one.failure.reason))
              )
              assert.strictEqual(bodies.size, 1)
              break
            }
            case "Widen": {
              const answer = yield* refreshed(at, { scope: "openid email offline_access profile" })
              assert.isTrue(answer._tag === "Failure")
              break
            }
            case "Stranger":
              assert.isTrue((yield* Effect.exit(Server.refresh(stranger, at)))._tag === "Failure")
              break
            case "Revoke": {
              const { header, parameters } = Server.credentialsOf(owner)
              yield* revoke(form({ ...parameters, token: at }), header)
              isDead = true
              break
            }
            case "Wait":
              yield* TestClock.adjust(move.seconds * 1000)
          }
          const live = yield* Effect.filter(family, (token) => isLive(owner, token))
          assert.strictEqual(live.length, isDead ? 0 : 1)
          if (!isDead) assert.strictEqual(live[0], family.at(-1))
        }
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect("every move of a family is audited once", () =>
    Effect.gen(function* () {
      const { owner } = yield* people
      const { tokens } = yield* Server.obtainTokens(owner, { scope: "openid offline_access" })
      yield* Server.refresh(owner, tokens.refresh_token!)
      yield* Server.refresh(owner, tokens.refresh_token!)
      const actions = (yield* AuditLog.use((log) => log.latest(testIssuer, 7))).map((event) => event.action)
      assert.deepStrictEqual(actions, [
        "refresh_token.replayed",
        "refresh_token.issued",
        "access_token.issued",
        "refresh_token.rotated",
        "refresh_token.issued",
        "access_token.issued",
        "authorization_code.redeemed"
      ])
    })
  )
})
