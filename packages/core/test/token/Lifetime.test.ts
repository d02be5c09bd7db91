import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { aClient, aResource, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { defaults } from "../../src/issuer/Policy.ts"
import { accessTokenLifetime, effectiveLifetimes } from "../../src/token/Lifetime.ts"
import { payloadOf } from "../support.ts"

const brief = aResource({
  identifier: "https://brief.example",
  scopes: ["brief"],
  accessTokenFormat: "jwt",
  accessTokenLifetime: 120
})
const patient = aResource({ identifier: "https://patient.example", scopes: ["patient"], accessTokenLifetime: 86_400 })
const seconds = Schema.Int.check(Schema.isBetween({ minimum: 30, maximum: 86_400 }))

layer(Server.layer({ resources: [brief, patient] }))("lifetimes", (it) => {
  it.effect("the shortest of policy, client and resource wins, and is shown with its source", () =>
    Effect.gen(function* () {
      const plain = yield* register(aClient())
      const hasty = yield* register(aClient({ metadata: { access_token_lifetime: 60, id_token_lifetime: 90 } }))
      const own = { idToken: { seconds: 3600, source: "policy" } } as const
      assert.deepInclude(yield* effectiveLifetimes(plain), {
        ...own,
        accessToken: { seconds: 600, source: "policy" } as const
      })
      assert.deepInclude(yield* effectiveLifetimes(plain, [brief.identifier]), {
        ...own,
        accessToken: { seconds: 120, source: `resource ${brief.identifier}` } as const
      })
      assert.deepInclude(yield* effectiveLifetimes(plain, [patient.identifier]), {
        ...own,
        accessToken: { seconds: 600, source: "policy" } as const
      })
      assert.deepInclude(yield* effectiveLifetimes(hasty, [brief.identifier]), {
        accessToken: { seconds: 60, source: "client" } as const,
        idToken: { seconds: 90, source: "client" } as const,
        refreshTokenIdle: { seconds: defaults.refreshTokenIdleLifetime, source: "policy" } as const
      })
    })
  )

  it.effect("tokens live exactly as long as is shown", () =>
    Effect.gen(function* () {
      const plain = yield* register(aClient())
      const hasty = yield* register(aClient({ metadata: { access_token_lifetime: 60, id_token_lifetime: 90 } }))
      const forBrief = { scope: "openid brief", resource: brief.identifier }
      const one = (yield* Server.obtainTokens(plain, forBrief)).tokens
      assert.strictEqual(one.expires_in, 120)
      const claims = payloadOf(one.access_token) as { exp: number; iat: number }
      assert.strictEqual(claims.exp - claims.iat, 120)
      const two = (yield* Server.obtainTokens(hasty, forBrief)).tokens
      assert.strictEqual(two.expires_in, 60)
      const idToken = payloadOf(two.id_token!) as { exp: number; iat: number }
      assert.strictEqual(idToken.exp - idToken.iat, 90)
    })
  )

  it.effect.prop(
    "no limit lengthens what another one shortens",
    [seconds, seconds, seconds],
    ([policy, client, resource]) =>
      Effect.sync(() => {
        const { seconds: least, source } = accessTokenLifetime(
          { ...defaults, accessTokenLifetime: policy },
          aClient({ metadata: { access_token_lifetime: client } }),
          [aResource({ accessTokenLifetime: resource }), patient]
        )
        assert.strictEqual(least, Math.min(policy, client, resource))
        assert.isTrue(least === { policy, client }[source as "policy" | "client"] || source.startsWith("resource "))
      })
  )
})
