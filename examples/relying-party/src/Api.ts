/**
 * A small protected API as anybody would write it with the library: it takes access tokens that the issuer made for it,
 * or for nothing in particular, by every scheme, and has one route that asks for a fresh sign-in.
 */
import { Crypto, CurrentAccessToken, ProtectedResource, type VerifiedAccessToken } from "@lockspire/core"
import { Protect } from "@lockspire/http"
import { type DateTime, Effect, Layer, type Redacted } from "effect"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import type { Settings } from "./Options.ts"

/** Seconds for which a sign-in is fresh. */
export const freshness = 60

const seconds = (at: DateTime.Utc | undefined): number | undefined =>
  at === undefined ? undefined : Math.floor(at.epochMilliseconds / 1000)

/** By the names of RFC 7662 §2.2. */
const known = (token: VerifiedAccessToken) => ({
  sub: token.subject,
  scope: token.scope.join(" "),
  client_id: token.clientId,
  iss: token.issuer,
  aud: token.audience.length === 0 ? undefined : token.audience,
  exp: seconds(token.expiresAt),
  auth_time: seconds(token.authTime),
  acr: token.acr,
  cnf: token.cnf
})

const answer = (message: string) =>
  Effect.map(CurrentAccessToken, (token) =>
    HttpServerResponse.jsonUnsafe({ message, ...known(token) }, { headers: { "cache-control": "no-store" } })
  )

export const layer = (settings: Settings, clientSecret: Redacted.Redacted) => {
  const scope = settings.apiScope === undefined ? [] : [settings.apiScope]
  const path = `${settings.path}/api` as const
  const read = HttpRouter.add(
    "GET",
    path as `/${string}`,
    answer("Hello from the API. This is what the issuer said about the access token.")
  ).pipe(Layer.provide(Protect.middleware({ scope }).layer))
  const transfer = HttpRouter.add(
    "POST",
    `${path}/transfer` as `/${string}`,
    answer("Done, as far as a demo does anything: you signed in recently enough.")
  ).pipe(Layer.provide(Protect.middleware({ scope, maxAge: freshness }).layer))

  const Resource = ProtectedResource.layer({
    issuer: settings.issuerIdentifier,
    identifier: `${settings.baseUrl}/api`,
    scopes: scope,
    name: "Demo API",
    // FAPI 2.0 Security Profile §5.4.1, since the demo also runs beside clients that are held to it.
    proofAlgorithms: ["PS256", "ES256", "EdDSA", "Ed25519"],
    // A demo is there to be tried with whatever token one has.
    dangerouslyTakesTokensForNoResource: true
  })
  // Every token is asked about, JWTs too: the demo shows that a revoked one is refused at once.
  const Tokens = Protect.layerRemote({
    issuer: settings.issuerIdentifier,
    introspection: { clientId: settings.apiClientId, clientSecret, everyToken: true }
  }).pipe(Layer.provide(FetchHttpClient.layer), Layer.provide(Layer.succeed(FetchHttpClient.Fetch, settings.fetch)))

  return Layer.mergeAll(read, transfer, Protect.metadataRoute).pipe(
    Layer.provide([Tokens, Resource, Crypto.Crypto.layer])
  )
}
