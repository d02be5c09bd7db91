/** What the pipeline tests share: running a request to its refusal and saying it in one row. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { decodeJwt } from "jose"
import { PageRefusal, RedirectRefusal } from "../src/authorization-request/establish.ts"
import type { OAuthError } from "../src/oauth/OAuthError.ts"
import { everyRule } from "../src/profile/inForce.ts"

/** `page` or `redirect` for the authorization endpoint, then the error's class and its reason. */
export const refusalOf = <A, E extends OAuthError | PageRefusal | RedirectRefusal, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error): string => {
    const inner: OAuthError = error instanceof PageRefusal || error instanceof RedirectRefusal ? error.error : error
    const way = error instanceof PageRefusal ? "page " : error instanceof RedirectRefusal ? "redirect " : ""
    return `${way}${inner._tag} ${inner.reason}${inner.parameter === undefined ? "" : ` ${inner.parameter}`}`
  })

/** Fails the test unless the refusal is the expected one. */
export const refuses = <A, E extends OAuthError | PageRefusal | RedirectRefusal, R>(
  effect: Effect.Effect<A, E, R>,
  expected: string
) => Effect.map(refusalOf(effect), (actual) => assert.strictEqual(actual, expected))

/** The claims of a JWT that some other test verifies. */
export const payloadOf = (jwt: string): Record<string, unknown> => decodeJwt(jwt)

/** The metadata of a client that is held to these rules of FAPI 2.0, and to no other. */
export const heldTo = (...ids: ReadonlyArray<string>) => ({
  security_profile: "fapi_2_0_message_signing",
  dangerously_exempt_from: everyRule.map(({ id }) => id).filter((id) => !ids.includes(id))
})
