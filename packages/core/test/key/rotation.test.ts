import { assert, layer } from "@effect/vitest"
import { type Duration, Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as jose from "jose"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { operator, system } from "../../src/audit/event.ts"
import { Policies } from "../../src/issuer/Policy.ts"
import { KeyProvider, type KeyProviderPort } from "../../src/key/KeyProvider.ts"
import { ensure, generate, retire, rewrap, rotate } from "../../src/key/manage.ts"
import { advance, jwksMaxAge, publishedFor, verifiesFor } from "../../src/key/rotation.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { SigningKeyStore } from "../../src/key/SigningKeyStore.ts"
import { SigningAlgorithm } from "../../src/oauth/Metadata.ts"
import { StorageUnavailable } from "../../src/storage/StorageUnavailable.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"

const me = operator("jo")
const keyLifetime = 90 * 86_400
let serial = 0

/** An issuer with its first key of one algorithm. */
const anIssuer = Effect.fnUntraced(function* () {
  const issuer = `https://keys-${++serial}.example`
  yield* ensure(issuer, ["ES256"], system)
  return issuer
})

const statesOf = (issuer: string) =>
  SigningKeyStore.use((store) => Effect.map(store.list(issuer), (keys) => keys.map((key) => key._tag).toSorted()))
const kidOf = (issuer: string, state: string) =>
  SigningKeyStore.use((store) =>
    Effect.map(store.list(issuer), (keys) => keys.filter((key) => key._tag === state).map((key) => key.kid))
  )
const pass = (seconds: number) => TestClock.adjust(`${seconds} seconds`)
const actions = (issuer: string, count: number) =>
  AuditLog.use((log) =>
    Effect.map(log.latest(issuer, count), (events) =>
      events.map((event) => `${event.action} ${event.actor.type}`).toSorted()
    )
  )

layer(Server.layer())("key life by time", (it) => {
  it.effect("a key that has signed for its lifetime hands over to the one that was published, and a new one is", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const [active] = yield* kidOf(issuer, "Active")
      const [next] = yield* kidOf(issuer, "Next")
      yield* pass(keyLifetime - 1)
      yield* advance(issuer)
      assert.deepStrictEqual(yield* kidOf(issuer, "Active"), [active])
      yield* pass(1)
      yield* advance(issuer)
      assert.deepStrictEqual(yield* kidOf(issuer, "Active"), [next])
      assert.deepStrictEqual(yield* kidOf(issuer, "Retiring"), [active])
      assert.deepStrictEqual(yield* statesOf(issuer), ["Active", "Next", "Retiring"])
      assert.deepStrictEqual(yield* actions(issuer, 3), [
        "signing_key.activated system",
        "signing_key.created system",
        "signing_key.retiring system"
      ])
    })
  )

  it.effect("no key signs before it was published for longer than clients may keep the JWK Set", () =>
    Effect.gen(function* () {
      assert.isAbove(publishedFor, jwksMaxAge)
      const issuer = yield* anIssuer()
      // The published one is lost, so that a new one has to be made when the old one's time is over.
      yield* pass(keyLifetime)
      const [lost] = yield* kidOf(issuer, "Next")
      assert.isTrue(yield* retire(issuer, lost!, me))
      yield* advance(issuer)
      const [active] = yield* kidOf(issuer, "Active")
      yield* pass(publishedFor - 1)
      yield* advance(issuer)
      assert.deepStrictEqual(yield* kidOf(issuer, "Active"), [active])
      yield* pass(1)
      yield* advance(issuer)
      assert.notDeepEqual(yield* kidOf(issuer, "Active"), [active])
    })
  )

  it.effect("a key verifies until the last token that it can have signed has expired, and is then retired", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const keys = yield* SigningKeys
      const jwt = yield* keys.sign(issuer, "ES256", "JWT", { sub: "jane" })
      yield* pass(keyLifetime)
      yield* advance(issuer)
      yield* pass(verifiesFor - 1)
      yield* advance(issuer)
      assert.isTrue(Option.isSome(yield* keys.verifyOwn(issuer, "JWT", jwt)))
      assert.isAbove(verifiesFor, 86_400)
      yield* pass(1)
      yield* advance(issuer)
      yield* pass(11)
      assert.isTrue(Option.isNone(yield* keys.verifyOwn(issuer, "JWT", jwt)))
      assert.deepStrictEqual(yield* statesOf(issuer), ["Active", "Next"])
    })
  )

  it.effect("any number of nodes at once move a key once", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      yield* pass(keyLifetime)
      yield* Effect.all(
        Array.from({ length: 5 }, () => advance(issuer)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* statesOf(issuer), ["Active", "Next", "Retiring"])
      yield* advance(issuer)
      assert.deepStrictEqual(yield* statesOf(issuer), ["Active", "Next", "Retiring"])
    })
  )

  it.effect("a generated key of a new algorithm signs once it was published long enough, without anybody's help", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const keys = yield* SigningKeys
      yield* generate(issuer, "ES384", me)
      yield* advance(issuer)
      assert.deepStrictEqual(yield* keys.algorithms(issuer), ["ES256"])
      const refused = yield* Effect.exit(keys.sign(issuer, "ES384", "JWT", {}))
      assert.strictEqual(refused._tag, "Failure")
      yield* pass(publishedFor)
      yield* advance(issuer)
      yield* pass(11)
      assert.deepStrictEqual((yield* keys.algorithms(issuer)).toSorted(), ["ES256", "ES384"])
      const jwt = yield* keys.sign(issuer, "ES384", "JWT", {})
      assert.strictEqual(jose.decodeProtectedHeader(jwt).alg, "ES384")
    })
  )

  it.effect("a shorter lifetime in the policy takes effect on the keys that there are", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const [active] = yield* kidOf(issuer, "Active")
      yield* pass(3600)
      const policies = yield* Policies
      const policy = yield* policies.effective(issuer)
      yield* Effect.provideService(advance(issuer), Policies, {
        ...policies,
        effective: () => Effect.succeed({ ...policy, signingKeyLifetime: 3600 })
      })
      assert.deepStrictEqual(yield* kidOf(issuer, "Retiring"), [active])
    })
  )

  it.effect("by hand: a key that signs is never retired at once, one that does not is, with its event", () =>
    Effect.gen(function* () {
      const issuer = yield* anIssuer()
      const [active] = yield* kidOf(issuer, "Active")
      assert.isFalse(yield* retire(issuer, active!, me))
      assert.isFalse(yield* retire(issuer, "another", me))
      yield* rotate(issuer, "ES256", me)
      assert.isTrue(yield* retire(issuer, active!, me))
      assert.deepStrictEqual(yield* actions(issuer, 1), ["signing_key.retired operator"])
      assert.deepStrictEqual(yield* statesOf(issuer), ["Active", "Next"])
    })
  )
})

layer(Server.layer({ rotateKeys: true, signingAlgorithms: ["ES256"], policy: { signingKeyLifetime: 3600 } }))(
  "a running server",
  (it) => {
    it.effect("moves the keys of its issuers on by itself", () =>
      Effect.gen(function* () {
        const [active] = yield* kidOf(testIssuer, "Active")
        const stateOf = SigningKeyStore.use((store) =>
          Effect.map(store.list(testIssuer), (keys) => keys.find((key) => key.kid === active)?._tag)
        )
        // Keys are made outside of the test's clock: each round lets the event loop turn once.
        const until = Effect.fnUntraced(function* (state: string | undefined, step: Duration.Input) {
          for (let round = 0; round < 1000 && (yield* stateOf) !== state; round++) {
            yield* TestClock.adjust(step)
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          }
          assert.strictEqual(yield* stateOf, state)
        })
        assert.strictEqual(yield* stateOf, "Active")
        yield* until("Retiring", "1 minute")
        yield* until(undefined, "10 minutes")
      })
    )
  }
)

layer(Server.layer({ signingAlgorithms: SigningAlgorithm.literals }))("signing algorithms", (it) => {
  for (const algorithm of SigningAlgorithm.literals) {
    it.effect(`${algorithm}: what we sign, jose verifies by the published key`, () =>
      Effect.gen(function* () {
        const keys = yield* SigningKeys
        const jwt = yield* keys.sign(testIssuer, algorithm, "JWT", { sub: "jane" })
        const set = jose.createLocalJWKSet((yield* keys.jwks(testIssuer)) as unknown as jose.JSONWebKeySet)
        const { payload, protectedHeader } = yield* Effect.promise(() =>
          jose.jwtVerify(jwt, set, { algorithms: [algorithm], currentDate: new Date() })
        )
        assert.strictEqual(payload.sub, "jane")
        assert.strictEqual(protectedHeader.alg, algorithm)
        assert.isTrue(Option.isSome(yield* keys.verifyOwn(testIssuer, "JWT", jwt)))
      })
    )
  }
})

/** A device: its private keys never leave it, storage keeps their names. */
const device = () => {
  const inside = new Map<string, jose.CryptoKey>()
  const signed: Array<string> = []
  const away = { now: false }
  const provider: KeyProviderPort = {
    generate: (issuer, algorithm) =>
      Effect.promise(async () => {
        const pair = await jose.generateKeyPair(algorithm)
        const name = `${issuer}/${inside.size}`
        inside.set(name, pair.privateKey)
        const publicJwk = { ...(await jose.exportJWK(pair.publicKey)), kid: name, alg: algorithm, use: "sig" }
        return {
          kid: name,
          publicJwk: publicJwk as unknown as Record<string, string>,
          sealedPrivateJwk: new TextEncoder().encode(name)
        }
      }),
    signer: (key) =>
      away.now
        ? Effect.die(new StorageUnavailable({ cause: "the device is away" }))
        : Effect.succeed((data) =>
            Effect.promise(async () => {
              const name = new TextDecoder().decode(key.sealedPrivateJwk)
              signed.push(name)
              const algorithm = { name: "ECDSA", hash: "SHA-256" }
              return new Uint8Array(await crypto.subtle.sign(algorithm, inside.get(name)!, new Uint8Array(data)))
            })
          ),
    reseal: (key) => Effect.succeed(key.sealedPrivateJwk)
  }
  return { provider, signed, away }
}
const hsm = device()

layer(
  Layer.merge(
    Server.layer({ keyProvider: hsm.provider, signingAlgorithms: ["ES256"] }),
    Layer.succeed(KeyProvider, hsm.provider)
  )
)("a KMS or an HSM", (it) => {
  it.effect("a device that cannot be reached is a defect of that one request, and the next one reaches it again", () =>
    Effect.gen(function* () {
      hsm.away.now = true
      const keys = yield* SigningKeys
      const lost = yield* Effect.exit(keys.sign(testIssuer, "ES256", "JWT", {}))
      assert.isTrue(
        lost._tag === "Failure" &&
          lost.cause.reasons.some((one) => one._tag === "Die" && one.defect instanceof StorageUnavailable)
      )
      hsm.away.now = false
      assert.isString(yield* keys.sign(testIssuer, "ES256", "JWT", {}))
      hsm.signed.length = 0
    })
  )

  it.effect("makes and keeps the keys, signs with them, and storage holds their names alone", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const jwt = yield* keys.sign(testIssuer, "ES256", "JWT", { sub: "jane" })
      assert.deepStrictEqual(hsm.signed, [`${testIssuer}/0`])
      assert.isTrue(Option.isSome(yield* keys.verifyOwn(testIssuer, "JWT", jwt)))
      const stored = yield* SigningKeyStore.use((store) => store.list(testIssuer))
      for (const key of stored) assert.strictEqual(new TextDecoder().decode(key.sealedPrivateJwk), key.kid)
      assert.strictEqual(yield* rewrap(testIssuer, me), stored.length)
      yield* TestClock.adjust(keyLifetime * 1000)
      yield* advance(testIssuer)
      yield* pass(11)
      const later = yield* keys.sign(testIssuer, "ES256", "JWT", { sub: "jane" })
      assert.strictEqual(hsm.signed.at(-1), `${testIssuer}/1`)
      assert.isTrue(Option.isSome(yield* keys.verifyOwn(testIssuer, "JWT", later)))
    })
  )
})
