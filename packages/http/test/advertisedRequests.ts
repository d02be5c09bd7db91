/** Request objects at work: signed by every algorithm, and encrypted to the issuer by every algorithm. */
import { Effect } from "effect"
import { CompactEncrypt, importJWK, type JWK } from "jose"
import { randomUUID } from "node:crypto"
import { jwksOf, jwtOf, longSecret, type Works } from "./advertisedKeys.ts"
import { authorization, authorize } from "./flow.ts"

type Running = Parameters<Works>[2]

/** A client that signs by the algorithm, and a request object of it. */
const requestBy = async (issuer: string, algorithm: string, running: Running) => {
  const clientId = `asks-${randomUUID()}`
  const isMac = algorithm.startsWith("HS")
  await Effect.runPromise(
    running.putClient({
      clientId,
      firstParty: true,
      tokenEndpointAuthMethod: isMac ? "client_secret_jwt" : "private_key_jwt",
      ...(isMac ? { secret: longSecret } : { metadata: { jwks: jwksOf(algorithm, "sig") } })
    })
  )
  const members = Object.fromEntries(authorization(clientId, { state: "inside" }))
  return { clientId, request: await jwtOf(issuer, clientId, algorithm, members) }
}

/** Whether the request object is answered, with what stands in it and nothing that stands beside it. */
const isAnswered = async (issuer: string, clientId: string, request: string) => {
  const response = await authorize(issuer, clientId, { request, state: "outside" })
  return response.has("code") && response.get("state") === "inside"
}

export const requestSigned: Works = async (issuer, algorithm, running) => {
  const { clientId, request } = await requestBy(issuer, algorithm, running)
  return isAnswered(issuer, clientId, request)
}

/** The published key for the algorithm, else for any other of its kind. */
const recipient = async (issuer: string, alg: string): Promise<JWK> => {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { readonly keys: ReadonlyArray<JWK> }
  const forUs = keys.filter(({ use }) => use === "enc")
  const kty = alg.startsWith("RSA") ? "RSA" : "EC"
  const {
    kid,
    kty: own,
    crv,
    x,
    y,
    n,
    e
  } = (forUs.find((key) => key.alg === alg) ?? forUs.find((key) => key.kty === kty))!
  return JSON.parse(JSON.stringify({ kid, kty: own, crv, x, y, n, e })) as JWK
}

export const requestEncrypted =
  (member: "alg" | "enc"): Works =>
  async (issuer, value, running) => {
    const { clientId, request } = await requestBy(issuer, "ES256", running)
    const [alg, enc] = member === "alg" ? [value, "A256GCM"] : ["ECDH-ES", value]
    const { kid, ...jwk } = await recipient(issuer, alg)
    const encrypting = async () =>
      new CompactEncrypt(new TextEncoder().encode(request))
        .setProtectedHeader({ alg, enc, cty: "JWT", ...(kid === undefined ? {} : { kid }) })
        .encrypt(await importJWK(jwk, alg))
    // What jose cannot encrypt by, nobody gets here.
    const jwe = await encrypting().catch(() => undefined)
    return jwe !== undefined && (await isAnswered(issuer, clientId, jwe))
  }
