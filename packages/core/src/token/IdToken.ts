/** The ID token, OpenID Connect Core §2, §3.1.3.6. */
import { Effect, Option } from "effect"
import type { Client } from "../client/Client.ts"
import { HostResolver } from "../host/HostResolver.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import type { Policy } from "../issuer/Policy.ts"
import { halfHash } from "../jose/Jwt.ts"
import { namesIn, select } from "../oauth/Claims.ts"
import type { Live } from "./Grant.ts"
import { idTokenLifetime } from "./Lifetime.ts"
import { algorithmFor, encryptFor, signBy } from "./SecuredResponse.ts"

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)

/**
 * Signed with the client's registered algorithm, and encrypted where it registered that. `azp` is left out, since the audience is the client alone; claims of
 * scopes are for userinfo (§5.4), those that `claims` asks for here are here (§5.5).
 */
export const issue = Effect.fnUntraced(function* (options: {
  readonly client: Client
  readonly grant: Live
  readonly policy: Policy
  readonly accessToken: string
  /** Of the authorization request; not repeated when a refresh issues the token (§12.2). */
  readonly nonce: string | undefined
  readonly issuedAt: number
}) {
  const { client, grant } = options
  const host = yield* HostResolver
  const issuer = (yield* CurrentIssuer).identifier
  const names = namesIn(grant.claims?.id_token)
  const known =
    names.length === 0
      ? {}
      : Option.getOrElse(
          yield* host.claims({ subject: grant.subject, scope: [], names, locales: grant.claimsLocales }),
          () => ({})
        )
  const issuedAt = seconds(options.issuedAt)
  const algorithm = yield* algorithmFor(client, "id_token")
  const idToken = yield* signBy(algorithm, client, "id_token", "JWT", {
    ...select(known, names),
    iss: issuer,
    sub: grant.sub,
    aud: client.clientId,
    exp: issuedAt + idTokenLifetime(options.policy, client).seconds,
    iat: issuedAt,
    auth_time: seconds(grant.authTime.epochMilliseconds),
    nonce: options.nonce,
    acr: grant.acr,
    amr: grant.amr.length === 0 ? undefined : grant.amr,
    sid: grant.sid,
    at_hash: yield* halfHash(algorithm, options.accessToken)
  })
  return yield* encryptFor(client, "id_token", idToken, { cty: "JWT" })
})
