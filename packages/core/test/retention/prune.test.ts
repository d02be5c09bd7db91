import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { resume } from "../../src/authorize/interact.ts"
import { pruneOnce } from "../../src/retention/prune.ts"
import { aClient, register } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

const hours = (count: number) => TestClock.adjust(count * 3_600_000)

layer(Server.layer())("pruning", (it) => {
  it.effect("deletes nothing that still means something", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { code, tokens } = yield* Server.obtainTokens(client, { scope: "openid offline_access" })
      const next = yield* Server.refresh(client, tokens.refresh_token!)
      yield* pruneOnce
      assert.deepStrictEqual(yield* Server.refresh(client, tokens.refresh_token!), next)
      yield* hours(23)
      yield* pruneOnce
      yield* Server.refresh(client, next.refresh_token!)
      yield* refuses(Server.exchangeCode(client, code), "InvalidGrant CodeReplayed")
    })
  )

  it.effect(
    "a day later a code is unknown; a rotated refresh token is evidence for as long as it could have lived",
    () =>
      Effect.gen(function* () {
        const client = yield* register(aClient())
        const { code, tokens } = yield* Server.obtainTokens(client, { scope: "openid offline_access" })
        const next = yield* Server.refresh(client, tokens.refresh_token!)
        yield* hours(25)
        yield* pruneOnce
        yield* refuses(Server.exchangeCode(client, code), "InvalidGrant CodeUnknown")
        yield* hours(13 * 24)
        yield* pruneOnce
        yield* refuses(Server.refresh(client, tokens.refresh_token!), "InvalidGrant RefreshTokenReused")
        yield* refuses(Server.refresh(client, next.refresh_token!), "InvalidGrant GrantRevoked")
      })
  )

  it.effect("a late visitor is told for a day that the interaction expired", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      const { browser } = yield* Server.aSignedInBrowser()
      const page = yield* Server.followed(
        browser,
        yield* Server.authorize(browser, yield* Server.authorizationRequest(client))
      )
      const handle = page._tag === "ShowConsent" ? page.view.handle : ""
      yield* hours(24)
      yield* pruneOnce
      yield* refuses(resume(handle, browser), "page InvalidRequest InteractionExpired")
      yield* hours(2)
      yield* pruneOnce
      yield* refuses(resume(handle, browser), "page InvalidRequest InteractionUnknown")
    })
  )

  it.effect("in the end nothing of a flow is left, and a second round finds nothing", () =>
    Effect.gen(function* () {
      const client = yield* register(aClient())
      yield* Server.obtainTokens(client, { scope: "openid offline_access" })
      yield* hours(1000 * 24)
      assert.isAbove(yield* pruneOnce, 0)
      assert.strictEqual(yield* pruneOnce, 0)
    })
  )
})
