import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"
import { authenticate } from "../../src/client/authenticate.ts"
import { RemoteJwks } from "../../src/client/RemoteJwks.ts"
import { Egress, EgressRefused, type EgressResponse } from "../../src/egress/Egress.ts"
import { makeCertificate } from "../../src/testing/Certificates.ts"
import { aClient, form, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"
import { assertionOf, makeKey, present } from "./assertions.ts"

const uri = "https://client.example/jwks"
const keyNamed = (kid: string) => ({ kty: "EC", crv: "P-256", x: "x", y: "y", kid })

const answer = (keys: ReadonlyArray<unknown>, headers: Record<string, string> = {}): EgressResponse => ({
  status: 200,
  headers,
  body: new TextEncoder().encode(JSON.stringify({ keys }))
})

/** What the publisher answers next, and how often it was asked. */
const publisher = Effect.gen(function* () {
  const next = yield* Ref.make<EgressResponse | EgressRefused["reason"]>(answer([]))
  const asked = yield* Ref.make(0)
  const egress = Layer.succeed(
    Egress,
    Egress.of({
      get: ({ url }) =>
        Effect.gen(function* () {
          yield* Ref.update(asked, (count) => count + 1)
          yield* Effect.yieldNow
          const response = yield* Ref.get(next)
          return typeof response === "string" ? yield* new EgressRefused({ reason: response, url }) : response
        })
    })
  )
  return { next, asked, egress }
})

type Publisher = Effect.Success<typeof publisher>

/** Runs with a cache of its own. */
const withPublisher = <A, E, R>(body: (publisher: Publisher) => Effect.Effect<A, E, R | RemoteJwks>) =>
  Effect.flatMap(publisher, (own) => body(own).pipe(Effect.provide(RemoteJwks.layer.pipe(Layer.provide(own.egress)))))

const kidsAt = (kid?: string) =>
  Effect.map(
    RemoteJwks.use((remote) => remote.keys(uri, kid)),
    (keys) => keys.map((key) => key["kid"])
  )

describe("keys that a client publishes", () => {
  it.effect("RFC 9111 §5.2.2: are kept as long as Cache-Control says, within a minute and a day", () =>
    withPublisher(({ asked, next }) =>
      Effect.gen(function* () {
        const rows: ReadonlyArray<readonly [cacheControl: string | undefined, seconds: number]> = [
          ["max-age=120", 120],
          ["public, MAX-AGE=300, must-revalidate", 300],
          ['max-age="90"', 90],
          ["max-age=0", 60],
          ["max-age=99999999", 86_400],
          ["no-store, max-age=3600", 60],
          ["no-cache", 60],
          ["private", 600],
          [undefined, 600]
        ]
        for (const [cacheControl, seconds] of rows) {
          yield* TestClock.adjust("10 days")
          yield* Ref.set(
            next,
            answer([keyNamed("a")], cacheControl === undefined ? {} : { "cache-control": cacheControl })
          )
          yield* Ref.set(asked, 0)
          yield* kidsAt()
          yield* TestClock.adjust(seconds * 1000 - 1)
          yield* kidsAt()
          assert.strictEqual(yield* Ref.get(asked), 1, cacheControl)
          yield* TestClock.adjust(1)
          yield* kidsAt()
          assert.strictEqual(yield* Ref.get(asked), 2, cacheControl)
        }
      })
    )
  )

  it.effect("an unknown kid makes one fetch in thirty seconds, whatever kids are asked for", () =>
    withPublisher(({ asked, next }) =>
      Effect.gen(function* () {
        yield* Ref.set(next, answer([keyNamed("a")]))
        assert.deepStrictEqual(yield* kidsAt("a"), ["a"])
        yield* Ref.set(next, answer([keyNamed("a"), keyNamed("b")]))
        for (let each = 0; each < 100; each++) assert.deepStrictEqual(yield* kidsAt(`made-up-${each}`), ["a"])
        assert.strictEqual(yield* Ref.get(asked), 1)
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* kidsAt("b"), ["a", "b"])
        for (let each = 0; each < 100; each++) yield* kidsAt(`made-up-${each}`)
        assert.strictEqual(yield* Ref.get(asked), 2)
      })
    )
  )

  it.effect("any number of callers share one fetch", () =>
    withPublisher(({ asked, next }) =>
      Effect.gen(function* () {
        yield* Ref.set(next, answer([keyNamed("a")]))
        yield* Effect.all(
          Array.from({ length: 50 }, () => kidsAt("a")),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(yield* Ref.get(asked), 1)
      })
    )
  )

  it.effect("a caller that goes away takes the fetch with it, and nobody else waits for ever", () =>
    Effect.gen(function* () {
      const [begun, free] = [yield* Deferred.make<void>(), yield* Deferred.make<EgressResponse>()]
      const egress = Layer.succeed(
        Egress,
        Egress.of({ get: () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(free)) })
      )
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(kidsAt())
        yield* Deferred.await(begun)
        const second = yield* Effect.forkChild(kidsAt())
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(free, answer([keyNamed("a")]))
        assert.deepStrictEqual(yield* Fiber.join(second), ["a"])
      }).pipe(Effect.provide(RemoteJwks.layer.pipe(Layer.provide(egress))))
    })
  )

  it.effect("while the publisher fails the last good keys serve, for a day", () =>
    withPublisher(({ asked, next }) =>
      Effect.gen(function* () {
        yield* Ref.set(next, answer([keyNamed("a")], { "cache-control": "max-age=60" }))
        yield* kidsAt()
        const failures = [
          "ConnectionFailed",
          { ...answer([]), status: 500 },
          { ...answer([]), body: new TextEncoder().encode("<html>") },
          { ...answer([]), body: new TextEncoder().encode('{"keys":{}}') }
        ] as const
        for (const failure of failures) {
          yield* TestClock.adjust("1 minute")
          yield* Ref.set(next, failure)
          assert.deepStrictEqual(yield* kidsAt(), ["a"])
        }
        assert.strictEqual(yield* Ref.get(asked), 1 + failures.length)
        yield* TestClock.adjust("1 day")
        const error = yield* Effect.flip(kidsAt())
        assert.strictEqual(error.because, "not a JWK Set, status 200")
      })
    )
  )

  it.effect("a publisher that never answered is asked again after thirty seconds, not before", () =>
    withPublisher(({ asked, next }) =>
      Effect.gen(function* () {
        yield* Ref.set(next, "AddressSpecialUse")
        for (let each = 0; each < 10; each++) {
          assert.strictEqual((yield* Effect.flip(kidsAt("a"))).because, "AddressSpecialUse")
        }
        assert.strictEqual(yield* Ref.get(asked), 1)
        yield* Ref.set(next, answer([keyNamed("a")]))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* kidsAt("a"), ["a"])
      })
    )
  )

  it.effect("RFC 7517 §5: what is no public key in a set is passed over, and private members are not kept", () =>
    withPublisher(({ next }) =>
      Effect.gen(function* () {
        yield* Ref.set(
          next,
          answer([null, 1, [], {}, { kty: "oct", k: "c2VjcmV0" }, { ...keyNamed("a"), d: "private" }])
        )
        const keys = yield* RemoteJwks.use((remote) => remote.keys(uri))
        assert.deepStrictEqual(keys, [keyNamed("a")])
      })
    )
  )

  it.effect("a set of more than fifty keys is refused: each could cost a signature check", () =>
    withPublisher(({ next }) =>
      Effect.gen(function* () {
        yield* Ref.set(next, answer(Array.from({ length: 51 }, (_, each) => keyNamed(String(each)))))
        yield* Effect.flip(kidsAt())
      })
    )
  )

  it.effect("RFC 7523 §3: a client rotates its keys by publishing them, without a word to the server", () =>
    Effect.gen(function* () {
      const own = yield* publisher
      yield* Effect.gen(function* () {
        const [old, young] = [yield* makeKey("ES256", { kid: "old" }), yield* makeKey("ES256", { kid: "young" })]
        const client = yield* register(
          aClient({ tokenEndpointAuthMethod: "private_key_jwt", metadata: { jwks_uri: uri } })
        )
        yield* Ref.set(own.next, answer([old.jwk]))
        yield* present(yield* assertionOf(client.clientId, old, {}, { kid: "old" }))
        yield* Ref.set(own.next, answer([young.jwk]))
        yield* TestClock.adjust("30 seconds")
        yield* present(yield* assertionOf(client.clientId, young, {}, { kid: "young" }))
        yield* refuses(
          present(yield* assertionOf(client.clientId, old, {}, { kid: "old" })),
          "InvalidClient AssertionKeyUnknown"
        )
        assert.strictEqual(yield* Ref.get(own.asked), 2)
      }).pipe(Effect.provide(Server.layer({ egress: own.egress })))
    })
  )

  it.effect("RFC 8705 §2.2: a client renews its self-signed certificate by publishing it", () =>
    Effect.gen(function* () {
      const own = yield* publisher
      yield* Effect.gen(function* () {
        const subject = [["2.5.4.3", "self"]] as const
        const [old, young] = [yield* makeCertificate({ subject }), yield* makeCertificate({ subject })]
        const client = yield* register(
          aClient({ tokenEndpointAuthMethod: "self_signed_tls_client_auth", metadata: { jwks_uri: uri } })
        )
        const come = (der: Uint8Array) =>
          authenticate(form({ client_id: client.clientId }), {
            authorization: undefined,
            certificate: { der, isChainTrusted: false }
          })
        yield* Ref.set(own.next, answer([old.jwk]))
        yield* come(old.der)
        yield* Ref.set(own.next, answer([young.jwk]))
        yield* refuses(come(young.der), "InvalidClient CertificateNotRegistered")
        yield* TestClock.adjust("30 seconds")
        yield* come(young.der)
        yield* refuses(come(old.der), "InvalidClient CertificateNotRegistered")
        assert.strictEqual(yield* Ref.get(own.asked), 2)
      }).pipe(Effect.provide(Server.layer({ egress: own.egress })))
    })
  )

  it.effect("without a way out, a client that publishes its keys cannot authenticate, and is told no more", () =>
    Effect.gen(function* () {
      const key = yield* makeKey("ES256")
      const client = yield* register(
        aClient({ tokenEndpointAuthMethod: "private_key_jwt", metadata: { jwks_uri: uri } })
      )
      yield* refuses(present(yield* assertionOf(client.clientId, key)), "InvalidClient AssertionKeysUnavailable")
    }).pipe(Effect.provide(Server.layer()))
  )
})
