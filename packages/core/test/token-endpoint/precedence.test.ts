import { assert, layer } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { aClient, aPublicClient, form, register, testSecret } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { token } from "../../src/token-endpoint/token.ts"
import { refusalOf, refuses } from "../support.ts"

type Members = Record<string, string | ReadonlyArray<string> | undefined>

const wrong: Members = {
  grant_type: ["authorization_code", "authorization_code"],
  client_id: "another",
  client_secret: "wrong",
  authorization: "Basic !",
  code: undefined,
  redirect_uri: "https://evil.example",
  code_verifier: "wrong",
  resource: "https://unknown.example"
}

/** Every row mends what the rows above it found. `authorization` stands for the header. */
const rows: ReadonlyArray<readonly [mended: Members, refusal: string]> = [
  [{}, "InvalidRequest ParameterRepeated grant_type"],
  [{ grant_type: undefined }, "InvalidRequest TwoClientAuthenticationMethods"],
  [{ client_secret: undefined }, "InvalidClient CredentialsMalformed"],
  [{ authorization: Server.basicHeader("unknown", testSecret) }, "InvalidRequest ClientIdConflict client_id"],
  [{ client_id: undefined }, "InvalidClient ClientUnknown"],
  [{ authorization: Server.basicHeader("disabled", "wrong") }, "InvalidClient ClientDisabled"],
  [{ authorization: Server.basicHeader("public", "wrong") }, "InvalidClient MethodNotRegistered"],
  [{ authorization: Server.basicHeader("web", "wrong") }, "InvalidClient SecretMismatch"],
  [{ authorization: Server.basicHeader("web", testSecret) }, "InvalidRequest ParameterMissing grant_type"],
  [{ grant_type: "implicit" }, "UnsupportedGrantType GrantTypeUnknown"],
  [{ grant_type: "__proto__" }, "UnsupportedGrantType GrantTypeUnknown"],
  [{ grant_type: "toString" }, "UnsupportedGrantType GrantTypeUnknown"],
  [{ grant_type: "refresh_token" }, "UnauthorizedClient GrantTypeNotRegistered"],
  [{ grant_type: "authorization_code" }, "InvalidRequest ParameterMissing code"],
  [{ code: "unknown" }, "InvalidGrant CodeUnknown"],
  [{ code: "theirs" }, "InvalidGrant IssuedToAnotherClient"],
  [{ code: "ours" }, "InvalidGrant RedirectUriMismatch"],
  [{ redirect_uri: "https://client.example/callback" }, "InvalidGrant CodeVerifierMismatch"],
  [{ code: "ours", code_verifier: Server.testVerifier }, "InvalidTarget ResourceNotGranted resource"]
]

const prepared = Effect.gen(function* () {
  const web = yield* register(aClient({ clientId: "web", grantTypes: ["authorization_code"] }))
  const other = yield* register(aClient({ clientId: "other" }))
  yield* register(aClient({ clientId: "disabled", disabled: true }))
  yield* register(aPublicClient({ clientId: "public" }))
  return { web, other }
})

/** Sends the members with fresh codes in the place of `ours` and `theirs`. */
const send = Effect.fnUntraced(function* ({ authorization, ...members }: Members) {
  const { other, web } = yield* prepared
  const client = { ours: web, theirs: other }[members["code"] as string]
  const { browser } = yield* Server.aSignedInBrowser()
  const code = client && (yield* Server.obtainCode(browser, yield* Server.authorizationRequest(client)))
  return yield* token(form({ ...members, code: code ?? members["code"] }), {
    authorization: authorization as string | undefined
  })
})

const upTo = (last: number): Members =>
  Object.assign({}, wrong, ...rows.slice(0, last + 1).map(([mended]) => mended)) as Members

layer(Server.layer())("the token endpoint", (it) => {
  it.effect("RFC 6749 §5.2: of several errors the first in this order is the answer", () =>
    Effect.gen(function* () {
      for (const [index, [, refusal]] of rows.entries()) yield* refuses(send(upTo(index)), refusal)
      const response = yield* send({ ...upTo(rows.length - 1), resource: undefined })
      assert.strictEqual(response.token_type, "Bearer")
    })
  )

  it.effect("RFC 6749 §3.2: no parameter twice, whoever asks; resource may be", () =>
    Effect.gen(function* () {
      const good = { ...upTo(rows.length - 1), resource: undefined }
      for (const name of [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "assertion",
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type"
      ]) {
        for (const values of [
          ["a", "a"],
          ["", ""],
          ["a", ""]
        ]) {
          yield* refuses(send({ ...good, [name]: values }), `InvalidRequest ParameterRepeated ${name}`)
        }
      }
      yield* refuses(
        send({ ...good, resource: ["https://a.example", "https://a.example"] }),
        "InvalidTarget ResourceNotGranted resource"
      )
      const response = yield* send({ ...good, unheard_of: ["a", "b"], constructor: "x" })
      assert.strictEqual(response.token_type, "Bearer")
    })
  )

  it.effect.prop(
    "any permutation of the parameters gives the same answer",
    [
      Arbitrary.schema(
        Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 }))).check(
          Schema.isMinLength(1),
          Schema.isMaxLength(12)
        )
      ),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: rows.length - 1 }))
    ],
    ([keys, row]) =>
      Effect.gen(function* () {
        const names = Object.keys(upTo(row))
        const rank = (name: string) => keys[names.indexOf(name) % keys.length]! % (names.indexOf(name) + 5)
        const shuffled = Object.fromEntries(
          names.toSorted((a, b) => rank(a) - rank(b)).map((name) => [name, upTo(row)[name]])
        )
        assert.strictEqual(yield* refusalOf(send(shuffled)), rows[row]![1])
      }),
    { arbitrary: { runs: 40 } }
  )
})
