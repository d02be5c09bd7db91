/** Client authentication, RFC 6749 §2.3: the one verifier for every endpoint that a client calls. */
import { type Brand, DateTime, Effect, Option } from "effect"
import { check } from "../audit/Refusal.ts"
import { CurrentIssuer } from "../issuer/Issuer.ts"
import { currentPolicy, type Policy } from "../issuer/Policy.ts"
import { InvalidClient } from "../oauth/OAuthError.ts"
import type { Parameters } from "../oauth/Parameters.ts"
import { rulesInForce } from "../profile/inForce.ts"
import { excluding, hold } from "../profile/Rule.ts"
import { checkAssertion, useOnce, verifyMac, verifySignature } from "./assertion.ts"
import type { Client, ClientSecret } from "./Client.ts"
import { ClientStore } from "./ClientStore.ts"
import { checkCertificate } from "./mutualTls.ts"
import { type Presented, presentedBy, type PresentedCredentials } from "./PresentedCredentials.ts"
import { checkSecret, findSecret } from "./secret.ts"

export type { PresentedCredentials } from "./PresentedCredentials.ts"

/** A client that proved who it is, as far as it is registered to. Only `authenticate` makes one. */
export type AuthenticatedClient = Client & Brand.Brand<"AuthenticatedClient">

/** An hour: a use is noted once in it, not at every request. */
const noteEvery = 3_600_000

/** The method that the request uses, seen from the client it names: a certificate counts for whoever registered one. */
const methodOf = (presented: Presented, client: Client) => {
  if (presented._tag !== "Identifier") return presented.method
  const registered = client.tokenEndpointAuthMethod
  return registered === "tls_client_auth" || registered === "self_signed_tls_client_auth" ? registered : "none"
}

/**
 * The client is there, enabled, and uses the method it registered. Looked at after the credential was verified: an
 * unknown client, a disabled one and a wrong secret cost the same work and give the same answer, so that nobody learns
 * which client ids exist.
 */
const checkClient = Effect.fnUntracedEager(function* (
  presented: Presented,
  client: Client | undefined,
  policy: Policy
) {
  yield* check(
    "RFC 6749 §5.2: the client is registered",
    client !== undefined,
    () => new InvalidClient({ reason: "ClientUnknown", received: presented.clientId })
  )
  yield* check("the client is enabled", !client!.disabled, () => new InvalidClient({ reason: "ClientDisabled" }))
  const method = methodOf(presented, client!)
  yield* hold(
    excluding(rulesInForce(policy, client), "clientAuthentication", method),
    false,
    () => new InvalidClient({ reason: "MethodNotAllowed", received: method })
  )
  yield* check(
    "RFC 6749 §2.3: the registered method",
    client!.tokenEndpointAuthMethod === method,
    () =>
      new InvalidClient({ reason: "MethodNotRegistered", expected: client!.tokenEndpointAuthMethod, received: method })
  )
  return client!
})

/** The client that a request comes from, or `invalid_client`. */
export const authenticate = Effect.fnUntraced(function* (parameters: Parameters, credentials: PresentedCredentials) {
  const clients = yield* ClientStore
  const issuer = (yield* CurrentIssuer).identifier
  const presented = yield* presentedBy(parameters, credentials)
  const policy = yield* currentPolicy
  const found = Option.getOrUndefined(yield* clients.find(issuer, presented.clientId))

  switch (presented._tag) {
    case "Identifier": {
      const client = yield* checkClient(presented, found, policy)
      const method = methodOf(presented, client)
      if (method === "tls_client_auth" || method === "self_signed_tls_client_auth") {
        yield* checkCertificate(client, method, credentials.certificate)
      }
      return client as AuthenticatedClient
    }
    case "Secret": {
      const now = yield* DateTime.now
      const matched = yield* findSecret(found, presented.secret, issuer, now)
      const client = yield* checkClient(presented, found, policy)
      yield* noteUse(client, yield* checkSecret(matched, now), now)
      return client as AuthenticatedClient
    }
    case "Assertion": {
      const { assertion, method } = presented
      const isMac = method === "client_secret_jwt"
      const mac = isMac ? yield* verifyMac(found, assertion) : undefined
      const client = yield* checkClient(presented, found, policy)
      const verdict = mac ?? (yield* verifySignature(client, assertion))
      const { jti, until } = yield* checkAssertion(client, assertion, verdict, rulesInForce(policy, client))
      yield* useOnce(client, jti, until)
      if (verdict._tag === "Signed" && verdict.secret !== undefined) {
        yield* noteUse(client, verdict.secret, yield* DateTime.now)
      }
      return client as AuthenticatedClient
    }
  }
})

/** So that an operator can tell which secret nobody uses any more. */
const noteUse = (client: Client, secret: ClientSecret, now: DateTime.Utc) => {
  const last = secret.lastUsedAt?.epochMilliseconds
  return last !== undefined && now.epochMilliseconds < last + noteEvery
    ? Effect.void
    : ClientStore.use((clients) => clients.useSecret(client.issuer, client.clientId, secret.secretId, now))
}
