import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { Base64 } from "effect/encoding"
import { authenticate } from "../../src/client/authenticate.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { Crypto, encode } from "../../src/crypto/Crypto.ts"
import { aClient, aPublicClient, form, register, testSecret } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

/** The real primitives, counted. `stretch` does as little work as PBKDF2 allows: only the calls matter here. */
const calls = Ref.makeUnsafe({ sha256: 0, stretch: 0 })
const counted = Layer.effect(
  Crypto,
  Effect.map(Crypto, (crypto) =>
    Crypto.of({
      ...crypto,
      sha256: (data) =>
        Effect.andThen(
          Ref.update(calls, (count) => ({ ...count, sha256: count.sha256 + 1 })),
          crypto.sha256(data)
        ),
      stretch: (secret, salt) =>
        Effect.andThen(
          Ref.update(calls, (count) => ({ ...count, stretch: count.stretch + 1 })),
          crypto.stretch(secret, salt, 1)
        )
    })
  )
).pipe(Layer.provide(Crypto.layer))

const workOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* Ref.set(calls, { sha256: 0, stretch: 0 })
    yield* Effect.exit(effect)
    return yield* Ref.get(calls)
  })

type Members = Record<string, string | ReadonlyArray<string>>
const ask = (members: Members, authorization?: string) => authenticate(form(members), { authorization })
const raw = (text: string) => `Basic ${Base64.encode(encode(text))}`

const succeeds = (members: Members, authorization: string | undefined, client: Client) =>
  Effect.map(ask(members, authorization), (found) => assert.strictEqual(found.clientId, client.clientId))

layer(Server.layer({ crypto: counted }))("client authentication", (it) => {
  const all = Effect.gen(function* () {
    return {
      basic: yield* register(aClient()),
      post: yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_post" })),
      none: yield* register(aPublicClient())
    }
  })

  it.effect("RFC 6749 §2.3: the registered method, and no other", () =>
    Effect.gen(function* () {
      const clients = yield* all
      for (const [registered, client] of Object.entries(clients)) {
        const { clientId: client_id } = client
        const used = {
          basic: ask({}, Server.basicHeader(client_id, testSecret)),
          post: ask({ client_id, client_secret: testSecret }),
          none: ask({ client_id })
        }
        for (const [method, attempt] of Object.entries(used)) {
          if (method === registered) assert.strictEqual((yield* attempt).clientId, client_id)
          else yield* refuses(attempt, "InvalidClient MethodNotRegistered")
        }
      }
    })
  )

  it.effect("RFC 6749 §2.3: two methods in one request are refused, even when both would do", () =>
    Effect.gen(function* () {
      const { basic } = yield* all
      const header = Server.basicHeader(basic.clientId, testSecret)
      const { clientId: client_id } = basic
      const two = "InvalidRequest TwoClientAuthenticationMethods"
      yield* refuses(ask({ client_secret: testSecret }, header), two)
      yield* refuses(ask({ client_id, client_secret: testSecret }, header), two)
      yield* refuses(ask({ client_assertion: "a.b.c" }, header), two)
      yield* refuses(ask({ client_id, client_secret: testSecret, client_assertion: "a.b.c" }), two)
      yield* refuses(ask({ client_secret: testSecret }, "Bearer x"), two)
    })
  )

  it.effect("RFC 6749 §3.2.1: a body client_id beside Basic names the same client, or the request is refused", () =>
    Effect.gen(function* () {
      const { basic, none } = yield* all
      const header = Server.basicHeader(basic.clientId, testSecret)
      yield* succeeds({ client_id: basic.clientId }, header, basic)
      yield* succeeds({ client_id: "" }, header, basic)
      yield* refuses(ask({ client_id: none.clientId }, header), "InvalidRequest ClientIdConflict client_id")
      yield* refuses(
        ask({ client_id: [basic.clientId, basic.clientId] }, header),
        "InvalidRequest ParameterRepeated client_id"
      )
    })
  )

  it.effect("RFC 6749 §2.3.1: id and secret are form-encoded inside Basic", () =>
    Effect.gen(function* () {
      const clientId = "https://app.example:8443/a b+c%é"
      const secret = "p@ss:word +%&=é with more than thirty-two characters"
      const client = yield* register(aClient({ clientId }), secret)
      yield* succeeds({}, Server.basicHeader(clientId, secret), client)
      const percent = (text: string) => encodeURIComponent(text)
      yield* succeeds({}, raw(`${percent(clientId)}:${percent(secret)}`), client)
      // Without the encoding the first colon splits, and a percent sign starts an escape.
      yield* refuses(ask({}, raw(`${clientId}:${secret}`)), "InvalidClient CredentialsMalformed")
    })
  )

  it.effect("RFC 7617 §2: the scheme in any case, then one canonical base64 of UTF-8", () =>
    Effect.gen(function* () {
      const { basic } = yield* all
      const encoded = Server.basicHeader(basic.clientId, testSecret).slice("Basic ".length)
      for (const header of [`Basic ${encoded}`, `basic ${encoded}`, `BASIC   ${encoded}`]) {
        yield* succeeds({}, header, basic)
      }
      for (const header of [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        `Basic${encoded}`,
        ` Basic ${encoded}`,
        `Basic ${encoded} `,
        `Basic ${encoded},Basic ${encoded}`,
        `Basic ${encoded}=`,
        `Basic ${encoded}====`,
        `Bearer ${encoded}`,
        `Digest username="x"`,
        `Basic ${Base64.encode(new Uint8Array([0xff, 0x3a, 0xff]))}`,
        raw(basic.clientId),
        raw(`:${testSecret}`),
        raw(":"),
        raw(`${basic.clientId}:%zz`),
        raw(`${basic.clientId}:%ff`),
        raw(`${basic.clientId}\0:${testSecret}`),
        raw(`${basic.clientId}%00:${testSecret}`),
        raw(`${basic.clientId}:${testSecret}%00`)
      ]) {
        yield* refuses(ask({}, header), "InvalidClient CredentialsMalformed")
      }
    })
  )

  it.effect("RFC 4648 §3.5: bits that base64 ignores are not ignored: one credential has one spelling", () =>
    Effect.gen(function* () {
      const clientId = ["bits", "bits-", "bits--"].find((id) => Server.basicHeader(id, testSecret).endsWith("=="))!
      const client = yield* register(aClient({ clientId }))
      const header = Server.basicHeader(clientId, testSecret)
      yield* succeeds({}, header, client)
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
      const bent = header.replace(/.==$/, (end) => `${alphabet[alphabet.indexOf(end[0]!) + 1]}==`)
      assert.notStrictEqual(bent, header)
      yield* refuses(ask({}, bent), "InvalidClient CredentialsMalformed")
    })
  )

  it.effect("RFC 6749 §3.2.1: who names no client, or brings what nobody registered, is refused", () =>
    Effect.gen(function* () {
      yield* refuses(ask({}), "InvalidClient CredentialsMissing")
      yield* refuses(ask({ client_id: "", client_secret: "" }), "InvalidClient CredentialsMissing")
      yield* refuses(ask({ client_secret: testSecret }), "InvalidClient CredentialsMissing")
      yield* refuses(ask({ client_assertion: "a.b.c" }), "InvalidRequest ParameterMissing client_assertion_type")
      yield* refuses(
        ask({ client_id: "x", client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" }),
        "InvalidRequest ParameterMissing client_assertion"
      )
    })
  )

  it.effect("RFC 6749 §2.3.1: any of the client's secrets will do, whole", () =>
    Effect.gen(function* () {
      const first = yield* register(aClient())
      const second = yield* register(aClient(), "another-secret-of-256-bits-0123456789abcdef")
      const client = yield* register({ ...first, secrets: [...second.secrets, ...first.secrets] })
      yield* succeeds({}, Server.basicHeader(client.clientId, testSecret), client)
      yield* succeeds({}, Server.basicHeader(client.clientId, "another-secret-of-256-bits-0123456789abcdef"), client)
      for (const wrong of [
        "",
        testSecret.slice(1),
        `${testSecret}x`,
        testSecret.toUpperCase(),
        first.secrets[0]!.hash!
      ]) {
        yield* refuses(ask({}, Server.basicHeader(client.clientId, wrong)), "InvalidClient SecretMismatch")
      }
    })
  )

  it.effect("a confidential client without any secret is nobody", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      yield* ClientStore.use((clients) => clients.put({ ...client, secrets: [] }))
      for (const secret of ["", "x", testSecret]) {
        yield* refuses(ask({}, Server.basicHeader(client.clientId, secret)), "InvalidClient SecretMismatch")
      }
    })
  )

  it.effect("RFC 6749 §5.2: an unknown client, a disabled one and a wrong secret cost the same", () =>
    Effect.gen(function* () {
      const { basic, none, post } = yield* all
      const disabled = yield* register(aClient({ disabled: true }))
      const attempts = () => [
        workOf(ask({}, Server.basicHeader("unknown", testSecret))),
        workOf(ask({}, Server.basicHeader(basic.clientId, "wrong"))),
        workOf(ask({}, Server.basicHeader(disabled.clientId, "wrong"))),
        workOf(ask({}, Server.basicHeader(post.clientId, "wrong"))),
        workOf(ask({}, Server.basicHeader(none.clientId, "wrong"))),
        workOf(ask({ client_id: "unknown", client_secret: testSecret })),
        workOf(ask({ client_id: post.clientId, client_secret: "wrong" })),
        workOf(ask({ client_id: basic.clientId, client_secret: "wrong" }))
      ]
      assert.deepStrictEqual(
        [...new Set((yield* Effect.all(attempts())).map((work) => JSON.stringify(work)))],
        ['{"sha256":1,"stretch":0}']
      )
      yield* refuses(ask({}, Server.basicHeader("unknown", testSecret)), "InvalidClient ClientUnknown")
      yield* refuses(ask({}, Server.basicHeader(disabled.clientId, testSecret)), "InvalidClient ClientDisabled")
      yield* refuses(ask({}, Server.basicHeader(basic.clientId, "wrong")), "InvalidClient SecretMismatch")

      // One client with a slow hash, and every failure pays for one.
      const slow = yield* register(aClient(), "short")
      assert.isTrue(slow.secrets[0]!.hash!.startsWith("pbkdf2-sha256$"))
      const slowed = [...attempts(), workOf(ask({}, Server.basicHeader(slow.clientId, "wrong")))]
      assert.deepStrictEqual([...new Set((yield* Effect.all(slowed)).map((work) => work.stretch))], [1])
    })
  )

  it.effect("a slow hash is paid for once by whoever knows the secret, and always by whoever does not", () =>
    Effect.gen(function* () {
      const slow = yield* register(aClient(), "short")
      const right = ask({}, Server.basicHeader(slow.clientId, "short"))
      const wrong = ask({}, Server.basicHeader(slow.clientId, "wrong"))
      const works = yield* Effect.all([workOf(right), workOf(right), workOf(wrong), workOf(wrong), workOf(right)])
      assert.deepStrictEqual(
        works.map((work) => work.stretch),
        [1, 0, 1, 1, 0]
      )
    })
  )
})
