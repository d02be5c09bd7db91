import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { hashToken } from "../../src/crypto/Crypto.ts"
import { securityProfile } from "../../src/profile/fapi2.ts"
import { AnswerNonce } from "../../src/proof/AnswerNonce.ts"
import { type ProofContext, proofAlgorithms, proofAge } from "../../src/proof/dpop.ts"
import { Nonces } from "../../src/proof/Nonces.ts"
import { ReplayStore } from "../../src/replay/ReplayStore.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refusalOf, refuses } from "../support.ts"
import { assembled, type Changes, makeProofKey, type Members, proofOf, tokenUri, verified } from "./proving.ts"

const key = await makeProofKey()
const other = await makeProofKey()
const rsa = await makeProofKey("PS256")
const edwards = await makeProofKey("Ed25519")
const p384 = await makeProofKey("ES384")

const malformed = "InvalidDpopProof ProofMalformed"
const typ = "InvalidDpopProof ProofTypNotAllowed"
const algorithm = "InvalidDpopProof ProofAlgorithmNotAllowed"
const jwk = "InvalidDpopProof ProofKeyNotAllowed"
const signature = "InvalidDpopProof ProofSignatureMismatch"
const htm = "InvalidDpopProof ProofMethodMismatch"
const htu = "InvalidDpopProof ProofUriMismatch"
const jti = "InvalidDpopProof ProofJtiMissing"
const tooOld = "InvalidDpopProof ProofTooOld"
const early = "InvalidDpopProof ProofNotYetValid"
const ath = "InvalidDpopProof ProofTokenMismatch"
const replayed = "InvalidDpopProof ProofReplayed"
const nonceMissing = "UseDpopNonce NonceMissing"
const nonceNotOurs = "UseDpopNonce NonceNotOurs"

const taken = "taken"
type Row = readonly [title: string, changes: Changes, outcome: string, over?: Partial<ProofContext>]

const header = (title: string, members: Members, outcome: string): Row => [title, { header: members }, outcome]
const claims = (title: string, members: Members, outcome: string, over: Partial<ProofContext> = {}): Row => [
  title,
  { claims: members },
  outcome,
  over
]

/** Every check of a proof that `jose` can make, in the order of RFC 9449 §4.3. */
const rows: ReadonlyArray<Row> = [
  ["§4.3: a proof as it should be", {}, taken],
  header("§4.3 no. 4: no typ", { typ: undefined }, typ),
  header("§4.3 no. 4: typ of another JWT", { typ: "JWT" }, typ),
  header("§4.3 no. 4: typ of an access token", { typ: "at+jwt" }, typ),
  header("RFC 7515 §4.1.9: typ as a whole media type", { typ: "application/dpop+jwt" }, taken),
  header("RFC 7515 §4.1.9: typ in another case", { typ: "DPoP+JWT" }, taken),
  header("§4.3 no. 4: typ with a prefix", { typ: "x-dpop+jwt" }, typ),
  header("§4.3 no. 7: no jwk", { jwk: undefined }, jwk),
  header("§4.3 no. 7: jwk is null", { jwk: null }, jwk),
  header("§4.3 no. 7: jwk is a text", { jwk: "key" }, jwk),
  header("§4.3 no. 7: jwk is a list", { jwk: [key.jwk] }, jwk),
  header("§4.3 no. 7: jwk holds the private key", { jwk: key.privateJwk }, jwk),
  header("§4.3 no. 7: jwk holds a private member of another key type", { jwk: { ...key.jwk, p: "AA" } }, jwk),
  header("§4.3 no. 7: jwk is symmetric", { jwk: { kty: "oct", k: "AAAA" } }, jwk),
  header("§4.3 no. 7: jwk is symmetric and its secret is left out", { jwk: { kty: "oct" } }, jwk),
  header("§4.3 no. 7: jwk is of another type than alg", { jwk: rsa.jwk }, jwk),
  header("§4.3 no. 7: jwk is on another curve than alg", { jwk: p384.jwk }, jwk),
  header("§4.3 no. 7: jwk is for encryption", { jwk: { ...key.jwk, use: "enc" } }, jwk),
  header("§4.3 no. 7: jwk is for another algorithm", { jwk: { ...key.jwk, alg: "ES384" } }, jwk),
  header("§4.3 no. 6: jwk is somebody else's", { jwk: other.jwk }, signature),
  header("§4.3 no. 6: jwk is no point", { jwk: { ...key.jwk, x: key.jwk["y"] } }, signature),
  header("§4.3 no. 6: jwk lacks a coordinate", { jwk: { ...key.jwk, y: undefined } }, signature),
  header("RFC 7515 §4.1.4: kid changes nothing", { kid: "one" }, taken),
  claims("§4.3 no. 3, 8: no htm", { htm: undefined }, htm),
  claims("§4.3 no. 8: htm of another method", { htm: "GET" }, htm),
  claims("RFC 9110 §9.1: methods have a case", { htm: "post" }, htm),
  claims("§4.3 no. 8: htm is no text", { htm: ["POST"] }, htm),
  claims("§4.3 no. 3, 9: no htu", { htu: undefined }, htu),
  claims("§4.3 no. 9: htu is no text", { htu: [tokenUri] }, htu),
  claims("§4.3 no. 9: htu of another endpoint", { htu: `${testIssuer}/userinfo` }, htu),
  claims("§4.3 no. 9: htu of another host", { htu: "https://evil.example/token" }, htu),
  claims("§4.3 no. 9: htu without TLS", { htu: "http://issuer.example/token" }, htu),
  claims("§4.3 no. 9: htu with another spelling", { htu: "HTTPS://Issuer.Example:443/%74oken?a#b" }, taken),
  claims("RFC 8705 §5: htu of the mutual-TLS alias", { htu: "https://mtls.example/token" }, taken, {
    targets: [tokenUri, "https://mtls.example/token"]
  }),
  claims("§4.2: no jti", { jti: undefined }, jti),
  claims("§4.2: jti is empty", { jti: "" }, jti),
  claims("§4.2: jti is a number", { jti: 7 }, jti),
  claims("§4.2: jti is of any length", { jti: "j".repeat(2000) }, taken),
  claims("§4.3 no. 3, 11: no iat", { iat: undefined }, tooOld),
  claims("§4.3 no. 11: iat is a text", { iat: "1" }, tooOld),
  claims("§4.3 no. 11: iat is negative", { iat: -1_000_000 }, tooOld),
  claims("§4.3 no. 11: iat is beyond every date", { iat: 1e15 }, early),
  claims("§4.3 no. 10: nonce is not ours", { nonce: "x" }, nonceNotOurs),
  claims("§4.3 no. 10: nonce is empty", { nonce: "" }, nonceNotOurs),
  claims("§4.3 no. 10: nonce is a number", { nonce: 7 }, nonceNotOurs),
  claims("§4.3 no. 10: nonce is null", { nonce: null }, nonceNotOurs),
  claims("§8: a nonce has to be there", {}, nonceMissing, { nonceRequired: true }),
  claims("§4.3 no. 12: no ath", {}, ath, { accessToken: "a-token" }),
  claims("§4.3 no. 12: ath of another token", { ath: "x" }, ath, { accessToken: "a-token" }),
  claims("§4.3 no. 12: ath is the token", { ath: "a-token" }, ath, { accessToken: "a-token" }),
  claims("§4.2: ath where no token is presented is nobody's business", { ath: "x" }, taken),
  claims("§4.2: other claims are ignored", { aud: "x", iss: 7, sub: null }, taken)
]

const outcomeOf = (proof: string, over?: Partial<ProofContext>) =>
  Effect.catch(Effect.as(verified(proof, over), taken), (error) => refusalOf(Effect.fail(error)))

const secondsFrom = (seconds: number) =>
  Effect.map(DateTime.now, (now) => Math.floor(now.epochMilliseconds / 1000) + seconds)

layer(Server.layer())("a DPoP proof", (it) => {
  for (const [title, changes, outcome, over] of rows) {
    it.effect(`${title.startsWith("RFC") ? "" : "RFC 9449 "}${title}: ${outcome}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* outcomeOf(yield* proofOf(key, changes), over), outcome)
      })
    )
  }

  it.effect("RFC 9449 §4.3 no. 5: alg is asymmetric, and there; none, HS256 and unknown ones are refused", () =>
    Effect.gen(function* () {
      const payload = { htm: "POST", htu: tokenUri, iat: yield* secondsFrom(0), jti: "one" }
      for (const alg of [
        "none",
        "NONE",
        "HS256",
        "HS512",
        "es256",
        "dir",
        "RSA1_5",
        "ES256K",
        "",
        7,
        null,
        undefined
      ]) {
        yield* refuses(verified(assembled({ alg, typ: "dpop+jwt", jwk: key.jwk }, payload)), algorithm)
      }
      const known = { alg: "ES256", typ: "dpop+jwt", jwk: key.jwk }
      yield* refuses(verified(assembled({ ...known, crit: ["x"], x: 1 }, payload)), malformed)
      yield* refuses(verified(assembled({ ...known, b64: true }, payload)), malformed)
      const [head, body] = (yield* proofOf(key)).split(".")
      yield* refuses(verified(`${head}.${body}.`), malformed)
      yield* refuses(verified(`${head}.${body}.AAAA`), signature)
    })
  )

  it.effect("RFC 9449 §5.1: every advertised algorithm makes proofs, and binds to the thumbprint of its key", () =>
    Effect.gen(function* () {
      for (const alg of proofAlgorithms) {
        const one = yield* Effect.promise(() => makeProofKey(alg))
        assert.strictEqual(yield* verified(yield* proofOf(one)), one.jkt, alg)
      }
    })
  )

  it.effect("FAPI 2.0 Security Profile §5.4.1: where a rule names the algorithms, no others", () =>
    Effect.gen(function* () {
      const rules = securityProfile
      for (const [by, alg, outcome] of [
        [key, "ES256", taken],
        [rsa, "PS256", taken],
        [edwards, "Ed25519", taken],
        [p384, "ES384", algorithm],
        [yield* Effect.promise(() => makeProofKey("RS256")), "RS256", algorithm]
      ] as const) {
        assert.strictEqual(yield* outcomeOf(yield* proofOf(by), { rules }), outcome, alg)
      }
    })
  )

  it.effect("RFC 9449 §4.3 no. 1, 2: one header, with one well-formed JWT", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* proofOf(key), yield* proofOf(key)]
      const [head, body, mac] = one.split(".")
      for (const proof of [
        "",
        "x",
        "..",
        `${one}, ${two}`,
        `${one}, ${one}`,
        `${one},${two}`,
        ` ${one}`,
        `${one} `,
        `${one}.`,
        `${one}=`,
        `${head}.${body}`,
        `${head}..${mac}`,
        `${head}.${body}.${mac}.${mac}`,
        `${head}.${head!.slice(1)}.${mac}`,
        `DPoP ${one}`
      ]) {
        yield* refuses(verified(proof), malformed)
      }
      assert.strictEqual(yield* verified(one), key.jkt)
    })
  )

  it.effect("RFC 9449 §4.3 no. 11: iat counts for exactly 300 seconds, and may be exactly 30 ahead", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1_000_000)
      const at = yield* secondsFrom(0)
      for (const [seconds, outcome] of [
        [-301, tooOld],
        [-300.001, tooOld],
        [-300, taken],
        [-299, taken],
        [0, taken],
        [10, taken],
        [30, taken],
        [30.001, early],
        [31, early],
        [60, early]
      ] as const) {
        const iat = at + seconds
        assert.strictEqual(yield* outcomeOf(yield* proofOf(key, { claims: { iat } })), outcome, `${seconds} seconds`)
      }
      const old = yield* proofOf(key, { claims: { iat: at } })
      const lived = yield* proofOf(key, { claims: { iat: at } })
      yield* TestClock.adjust(300_000)
      assert.strictEqual(yield* outcomeOf(lived), taken)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* outcomeOf(old), tooOld)
    })
  )

  it.effect("RFC 7519 §4.1.4, §4.1.5: exp and nbf hold where they are there, by the same tolerance", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1_000_000)
      const at = yield* secondsFrom(0)
      for (const [members, outcome] of [
        [{ exp: at + 60 }, taken],
        [{ exp: at }, taken],
        [{ exp: at - 29 }, taken],
        [{ exp: at - 30 }, tooOld],
        [{ exp: "later" }, tooOld],
        [{ exp: null }, tooOld],
        [{ nbf: at }, taken],
        [{ nbf: at + 30 }, taken],
        [{ nbf: at + 31 }, early],
        [{ nbf: "now" }, early],
        [{ nbf: null }, early]
      ] as const) {
        const proof = yield* proofOf(key, { claims: members })
        assert.strictEqual(yield* outcomeOf(proof), outcome, JSON.stringify(members))
      }
    })
  )

  it.effect(
    "RFC 9449 §8, §9: a nonce is good for five minutes, at the issuer and the kind of endpoint it is from",
    () =>
      Effect.gen(function* () {
        const nonces = yield* Nonces
        // At the last moment of the minute in which it is handed out.
        const now = (yield* DateTime.now).epochMilliseconds
        yield* TestClock.adjust(60_000 - (now % 60_000) - 1)
        const nonce = (yield* nonces.current(testIssuer, "authorization server"))!
        const foreign = (yield* nonces.current("https://other.example", "authorization server"))!
        const ofResource = (yield* nonces.current(testIssuer, "resource"))!
        const withNonce = (value: string, over: Partial<ProofContext> = {}) =>
          Effect.flatMap(proofOf(key, { claims: { nonce: value } }), (proof) =>
            outcomeOf(proof, { nonceRequired: true, ...over })
          )
        assert.strictEqual(yield* withNonce(nonce), taken)
        assert.strictEqual(yield* withNonce(nonce), taken)
        assert.strictEqual(yield* withNonce(nonce, { nonceRequired: false }), taken)
        assert.strictEqual(yield* withNonce(foreign), nonceNotOurs)
        assert.strictEqual(yield* withNonce(ofResource), nonceNotOurs)
        assert.strictEqual(yield* withNonce(nonce, { purpose: "resource" }), nonceNotOurs)
        assert.strictEqual(yield* withNonce(ofResource, { purpose: "resource" }), taken)
        assert.strictEqual(yield* withNonce(nonce, { issuer: "https://other.example" }), nonceNotOurs)
        for (const forged of [
          `${nonce}A`,
          nonce.slice(0, -1),
          nonce.slice(0, 8),
          `B${nonce.slice(1)}`,
          nonce.toLowerCase()
        ]) {
          assert.strictEqual(yield* withNonce(forged), nonceNotOurs)
        }
        yield* TestClock.adjust(1)
        assert.notStrictEqual(yield* nonces.current(testIssuer, "authorization server"), nonce)
        assert.strictEqual(yield* withNonce(nonce), taken)
        yield* TestClock.adjust(300_000 - 1)
        assert.strictEqual(yield* withNonce(nonce), taken)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* withNonce(nonce), nonceNotOurs)
      })
  )

  it.effect("RFC 9449 §8.2: a proof with a nonce, or without the one it needs, is answered with a fresh one", () =>
    Effect.gen(function* () {
      const nonces = yield* Nonces
      const current = yield* nonces.current(testIssuer, "authorization server")
      const handedOut = Effect.fnUntraced(function* (changes: Changes, nonceRequired: boolean) {
        const answer: { nonce: string | undefined } = { nonce: undefined }
        const proof = yield* proofOf(key, changes)
        yield* Effect.provideService(outcomeOf(proof, { nonceRequired }), AnswerNonce, answer)
        return answer.nonce
      })
      assert.isUndefined(yield* handedOut({}, false))
      assert.strictEqual(yield* handedOut({}, true), current)
      assert.strictEqual(yield* handedOut({ claims: { nonce: current } }, false), current)
      assert.strictEqual(yield* handedOut({ claims: { nonce: "x" } }, false), current)
    })
  )

  it.effect("RFC 9449 §4.3 no. 12: ath is the hash of the token that is presented", () =>
    Effect.gen(function* () {
      const proof = yield* proofOf(key, { claims: { ath: yield* hashToken("a-token") } })
      yield* refuses(verified(proof, { accessToken: "another" }), ath)
      assert.strictEqual(yield* verified(proof, { accessToken: "a-token" }), key.jkt)
    })
  )

  it.effect("RFC 9449 §4.3: of everything that is wrong the first in this order is named, and nothing is used up", () =>
    Effect.gen(function* () {
      const steps: ReadonlyArray<readonly [reason: string, mended: Changes]> = [
        [typ, { header: { typ: "dpop+jwt" } }],
        [jwk, { header: { jwk: other.jwk } }],
        [signature, { header: { jwk: key.jwk } }],
        [htm, { claims: { htm: "POST" } }],
        [htu, { claims: { htu: tokenUri } }],
        [jti, { claims: { jti: "mended-last" } }],
        [
          nonceNotOurs,
          { claims: { nonce: yield* Nonces.use((nonces) => nonces.current(testIssuer, "authorization server")) } }
        ],
        [tooOld, { claims: { iat: yield* secondsFrom(40) } }],
        [early, { claims: { iat: yield* secondsFrom(0) } }],
        [tooOld, { claims: { exp: undefined } }],
        [ath, { claims: { ath: yield* hashToken("a-token") } }]
      ]
      const wrong = { htm: "GET", htu: "x", jti: "", nonce: "x", iat: 0, exp: (yield* secondsFrom(0)) - 31, ath: "x" }
      yield* TestClock.adjust(1_000_000)
      let changes: Changes = { header: { typ: "JWT", jwk: {} }, claims: wrong }
      const over = { accessToken: "a-token" }
      // The clock moved: what is relative to it is made anew.
      const iats = { 40: yield* secondsFrom(40), 0: yield* secondsFrom(0) }
      const nonce = yield* Nonces.use((nonces) => nonces.current(testIssuer, "authorization server"))
      for (const [at, [reason, mended]] of steps.entries()) {
        yield* refuses(
          Effect.flatMap(proofOf(key, changes), (proof) => verified(proof, over)),
          reason
        )
        const moved =
          at === 6 ? { nonce } : at === 7 ? { iat: iats[40], exp: iats[0] - 31 } : at === 8 ? { iat: iats[0] } : {}
        changes = {
          header: { ...changes.header, ...mended.header },
          claims: { ...changes.claims, ...mended.claims, ...moved }
        }
      }
      const proof = yield* proofOf(key, changes)
      assert.strictEqual(yield* verified(proof, over), key.jkt)
      yield* refuses(verified(proof, over), replayed)
    })
  )

  it.effect("RFC 9449 §11.1: a jti counts once for its key and issuer, and for others again", () =>
    Effect.gen(function* () {
      const again = { claims: { jti: "the-same" } }
      assert.strictEqual(yield* outcomeOf(yield* proofOf(key, again)), taken)
      assert.strictEqual(yield* outcomeOf(yield* proofOf(key, again)), replayed)
      assert.strictEqual(yield* outcomeOf(yield* proofOf(other, again)), taken)
      assert.strictEqual(yield* outcomeOf(yield* proofOf(key, again), { issuer: "https://other.example" }), taken)
      // The same request target or another one: a proof is for one request.
      const elsewhere = { claims: { jti: "the-same", htu: `${testIssuer}/par` } }
      assert.strictEqual(yield* outcomeOf(yield* proofOf(key, elsewhere), { targets: [`${testIssuer}/par`] }), replayed)
    })
  )

  it.effect("RFC 9449 §11.1: of a proof that comes many times at once exactly one counts", () =>
    Effect.gen(function* () {
      const proof = yield* proofOf(key)
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(outcomeOf(proof)))
      const outcomes = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      assert.strictEqual(outcomes.filter((one) => one === taken).length, 1)
      assert.deepStrictEqual(new Set(outcomes), new Set([taken, replayed]))
    })
  )

  it.effect("RFC 9449 §11.1: it is remembered for as long as any node could take it, whatever its clock", () =>
    Effect.gen(function* () {
      const kept: Array<number> = []
      const watching = ReplayStore.of({
        first: (_issuer, purpose, _hash, until) =>
          Effect.sync(() => {
            assert.strictEqual(purpose, "dpop-proof")
            kept.push(until.epochMilliseconds)
            return true
          }),
        seen: () => Effect.succeed(false),
        prune: () => Effect.succeed(0)
      })
      yield* TestClock.adjust(1_000_000 - ((yield* DateTime.now).epochMilliseconds % 1000))
      for (const seconds of [-300, 0, 0.5, 30]) {
        const iat = (yield* secondsFrom(0)) + seconds
        const proof = yield* proofOf(key, { claims: { iat } })
        yield* Effect.provideService(verified(proof), ReplayStore, watching)
        assert.isAtLeast(kept.at(-1)!, (iat + proofAge.old + proofAge.ahead) * 1000)
      }
    })
  )

  const Arrival = Schema.Struct({
    node: Schema.Literals([0, 1]),
    wait: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200_000 })),
    prune: Schema.Boolean
  })
  const Skew = Schema.Int.check(Schema.isBetween({ minimum: -15_000, maximum: 15_000 }))

  it.effect.prop(
    "RFC 9449 §11.1: whenever it was made and wherever and whenever it comes, a proof is taken once at most",
    [
      Schema.Int.check(Schema.isBetween({ minimum: -340, maximum: 60 })),
      Skew,
      Schema.Array(Arrival).check(Schema.isMinLength(2), Schema.isMaxLength(8))
    ],
    ([made, skew, arrivals]) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1_000_000)
        const replays = yield* ReplayStore
        const iat = (yield* secondsFrom(0)) + made
        const proof = yield* proofOf(key, { claims: { iat } })
        let times = 0
        for (const { node, prune, wait } of arrivals) {
          yield* TestClock.adjust(wait)
          // The other node's clock is off by so much, and either may prune by its own.
          const off = node === 0 ? 0 : skew
          yield* TestClock.adjust(off + 15_000)
          if (prune) yield* replays.prune(yield* DateTime.now, 1000)
          const outcome = yield* outcomeOf(proof)
          if (outcome === taken) times++
          yield* TestClock.adjust(15_000 - off)
        }
        assert.isAtMost(times, 1)
      })
  )
})
