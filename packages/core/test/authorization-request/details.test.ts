import { assert, it, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import type { AuthorizationDetail } from "../../src/oauth/AuthorizationDetails.ts"
import { canonical } from "../../src/oauth/AuthorizationDetails.ts"
import { AuthorizationDetailsTypes } from "../../src/host/AuthorizationDetailsTypes.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { aClient, aResource, form, register } from "../../src/testing/fixtures.ts"
import * as TestServer from "../../src/testing/TestServer.ts"

/** A host that knows payments: an amount is needed, and each gets a reference of the host's. */
const Payments = Layer.succeed(
  AuthorizationDetailsTypes,
  new Map([
    [
      "payment",
      {
        validate: (detail: AuthorizationDetail) =>
          Effect.succeed(
            typeof detail["amount"] === "string" ? Option.some({ ...detail, reference: "r-1" }) : Option.none()
          ),
        describe: (detail: AuthorizationDetail) => [`Pay ${JSON.stringify(detail["amount"])}`]
      }
    ]
  ])
)

const api = aResource({ identifier: "https://bank.example/", scopes: ["pay"], accessTokenFormat: "opaque" })
const payment = (amount: string) => ({ type: "payment", amount })
const asking = (...details: ReadonlyArray<unknown>) => ({
  scope: "openid offline_access",
  authorization_details: JSON.stringify(details)
})
const enriched = (amount: string) => ({ ...payment(amount), reference: "r-1" })

it("RFC 9396: one value has one canonical form, whatever the order of its members", () => {
  assert.strictEqual(
    canonical({ b: [1, { d: null, c: "x" }], a: true }),
    canonical({ a: true, b: [1, { c: "x", d: null }] })
  )
  assert.notStrictEqual(canonical({ a: [1, 2] }), canonical({ a: [2, 1] }))
})

layer(Layer.provideMerge(TestServer.layer({ resources: [api] }), Payments), { timeout: "30 seconds" })(
  "RFC 9396: rich authorization requests",
  (it) => {
    const refusal = Effect.fnUntraced(function* (text: string, metadata = {}) {
      const client = aClient({ metadata })
      yield* register(client)
      const { browser } = yield* TestServer.aSignedInBrowser()
      const request = yield* TestServer.authorizationRequest(client, { authorization_details: text })
      const refused = yield* Effect.flip(TestServer.authorize(browser, request))
      return refused._tag === "RedirectRefusal" ? `${refused.error._tag} ${refused.error.reason}` : refused._tag
    })

    it.effect(
      "§5: what is malformed, unknown, not registered or not taken by the host is invalid_authorization_details",
      () =>
        Effect.gen(function* () {
          for (const text of [
            "{}",
            "[]",
            "[1]",
            '[{"type":1}]',
            "nonsense",
            `[${'{"type":"payment"},'.repeat(40)}1]`
          ]) {
            assert.strictEqual(yield* refusal(text), "InvalidAuthorizationDetails DetailsMalformed", text)
          }
          assert.strictEqual(
            yield* refusal(`[{"type":"payment","x":"${"x".repeat(20_000)}"}]`),
            "InvalidAuthorizationDetails DetailsMalformed"
          )
          assert.strictEqual(yield* refusal('[{"type":"other"}]'), "InvalidAuthorizationDetails DetailTypeUnknown")
          assert.strictEqual(yield* refusal('[{"type":"payment"}]'), "InvalidAuthorizationDetails DetailRefused")
          assert.strictEqual(
            yield* refusal(JSON.stringify([payment("1")]), { authorization_details_types: ["account"] }),
            "InvalidAuthorizationDetails DetailTypeNotRegistered"
          )
        })
    )

    it.effect("§4, §7, §9.2: they are shown, granted as enriched, and said by token response and introspection", () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { browser } = yield* TestServer.aSignedInBrowser()
        const request = yield* TestServer.authorizationRequest(client, asking(payment("10 EUR")))
        const shown = yield* TestServer.followed(browser, yield* TestServer.authorize(browser, request))
        assert.deepStrictEqual(shown._tag === "ShowConsent" && shown.view.details, [
          { type: "payment", lines: [`Pay "10 EUR"`] }
        ])
        const tokens = yield* TestServer.exchangeCode(client, yield* TestServer.obtainCode(browser, request))
        assert.deepStrictEqual(tokens.authorization_details, [enriched("10 EUR")])
        const { header, parameters } = TestServer.credentialsOf(client)
        const answer = yield* introspect(form({ ...parameters, token: tokens.access_token }), header)
        assert.deepStrictEqual(answer.active && answer.authorization_details, [enriched("10 EUR")])
      })
    )

    it.effect("§6: a refresh may name some of what was granted, and nothing else", () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { browser } = yield* TestServer.aSignedInBrowser()
        const request = yield* TestServer.authorizationRequest(client, asking(payment("1"), payment("2")))
        const tokens = yield* TestServer.exchangeCode(client, yield* TestServer.obtainCode(browser, request))
        const some = { authorization_details: JSON.stringify([enriched("2")]) }
        const narrowed = yield* TestServer.refresh(client, tokens.refresh_token!, some)
        assert.deepStrictEqual(narrowed.authorization_details, [enriched("2")])
        const wider = { authorization_details: JSON.stringify([enriched("3")]) }
        const refused = yield* Effect.flip(TestServer.refresh(client, narrowed.refresh_token!, wider))
        assert.strictEqual(refused.reason, "DetailNotGranted")
        const all = yield* TestServer.refresh(client, narrowed.refresh_token!)
        assert.deepStrictEqual(all.authorization_details, [enriched("1"), enriched("2")])
      })
    )

    it.effect("a remembered consent covers exactly the details it was given for", () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { browser } = yield* TestServer.aSignedInBrowser()
        const ask = Effect.fnUntraced(function* (amount: string) {
          const request = yield* TestServer.authorizationRequest(client, asking(payment(amount)))
          return yield* TestServer.followed(browser, yield* TestServer.authorize(browser, request))
        })
        const first = yield* ask("10")
        assert.strictEqual(first._tag, "ShowConsent")
        yield* TestServer.answerConsent(browser, first, { remember: "yes" })
        assert.strictEqual((yield* ask("10"))._tag, "Respond")
        assert.strictEqual((yield* ask("10000"))._tag, "ShowConsent")
      })
    )
  }
)
