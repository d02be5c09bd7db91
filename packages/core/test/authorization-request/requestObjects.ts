/** Request objects as a client makes them, each part of which a test can change. */
import { DateTime, Effect } from "effect"
import type { Client } from "../../src/client/Client.ts"
import * as Jwe from "../../src/jose/Jwe.ts"
import { SigningKeys } from "../../src/key/SigningKeys.ts"
import { testIssuer } from "../../src/testing/fixtures.ts"
import { type Key, signed } from "../client/assertions.ts"

type Members = Readonly<Record<string, unknown>>

/** The claims of a valid request object, with `claims` replaced or, when undefined, removed. */
export const claimsOf = Effect.fnUntraced(function* (clientId: string, claims: Members = {}) {
  const now = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
  return {
    iss: clientId,
    aud: testIssuer,
    exp: now + 60,
    client_id: clientId,
    response_type: "code",
    scope: "openid",
    ...claims
  }
})

/** A valid request object of the client, with `claims` and `header` replaced or, when undefined, removed. */
export const objectOf = Effect.fnUntraced(function* (
  { clientId }: Client,
  key: Key,
  claims: Members = {},
  header: Members = {}
) {
  return yield* signed(yield* claimsOf(clientId, claims), key, header)
})

/** The text, encrypted to a published key of the issuer as a client does. */
export const encryptedTo = Effect.fnUntraced(function* (text: string, encryption: Jwe.Encryption, issuer = testIssuer) {
  const { keys } = yield* SigningKeys.use((own) => own.jwks(issuer))
  const jwe = yield* Jwe.encrypt(text, Jwe.recipient(keys, encryption.alg)!, encryption, { cty: "JWT" })
  return jwe!
})
