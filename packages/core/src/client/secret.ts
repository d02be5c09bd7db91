/** Client secrets as passwords, RFC 6749 §2.3.1: `client_secret_basic` and `client_secret_post`. */
import { type DateTime, Effect } from "effect"
import { check } from "../audit/Refusal.ts"
import { SecretVerifier } from "../crypto/SecretHash.ts"
import { InvalidClient } from "../oauth/OAuthError.ts"
import { type Client, type ClientSecret, isLiveSecret } from "./Client.ts"
import { ClientStore } from "./ClientStore.ts"

/** No hash of anything: what the secret of an unknown client is compared with. */
const decoy = "sha256$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const isFast = (hash: string) => hash.startsWith("sha256$")

/**
 * The client's secret that the presented one is, also when it no longer counts, so that the operator learns it; a slow
 * hash is worth its cost only while it counts. Every one is compared, so that time tells nothing: an unknown client
 * costs what a known one costs.
 */
export const findSecret = Effect.fnUntraced(function* (
  client: Client | undefined,
  presented: string,
  issuer: string,
  now: DateTime.Utc
) {
  const verifier = yield* SecretVerifier
  const kept = (client?.secrets ?? []).flatMap((secret) => {
    const { hash } = secret
    return hash !== undefined && (isFast(hash) || isLiveSecret(secret, now)) ? [{ secret, hash }] : []
  })
  let found: ClientSecret | undefined
  if (kept.length === 0) yield* verifier.verify(presented, decoy)
  for (const { hash, secret } of kept) {
    if (!(yield* verifier.verify(presented, hash))) continue
    // The same secret may be there twice, once ended and once not.
    if (found === undefined || isLiveSecret(secret, now)) found = secret
  }
  // Where any client has a slow hash, whoever fails on a fast one pays for a slow one too.
  const mustPretend = found === undefined && kept.every(({ hash }) => isFast(hash))
  if (mustPretend && (yield* ClientStore.use((clients) => clients.hasSlowSecret(issuer)))) {
    yield* verifier.pretend(presented)
  }
  return found
})

/** The secret matched, and counts now. */
export const checkSecret = Effect.fnUntracedEager(function* (found: ClientSecret | undefined, now: DateTime.Utc) {
  yield* check(
    "RFC 6749 §2.3.1: the secret matches",
    found !== undefined,
    () => new InvalidClient({ reason: "SecretMismatch" })
  )
  yield* check(
    "the secret is valid now",
    isLiveSecret(found!, now),
    () => new InvalidClient({ reason: "SecretExpired", received: found!.secretId })
  )
  return found!
})
