/** Keys of clients at work: assertions by every algorithm, and answers signed and encrypted by every algorithm. */
import { Effect } from "effect"
import { decodeProtectedHeader, type JWK, SignJWT } from "jose"
import { createSecretKey, generateKeyPairSync, randomUUID } from "node:crypto"
import type { TestIssuer } from "../src/testing/index.ts"
import { authorizationUrl, authorize, browser, exchange, secret } from "./flow.ts"

type Running = typeof TestIssuer.TestIssuer.Service
export type Works = (issuer: string, value: string, running: Running) => Promise<boolean>
export type Endpoint = "token" | "revoke" | "introspect"
export type Answer = "id_token" | "userinfo" | "introspection" | "authorization"

/** Long enough for every MAC (RFC 7518 §3.2). */
export const longSecret = `${secret}${secret}`

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
const curve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve })
const ed25519 = generateKeyPairSync("ed25519")
const pairs = { ES256: curve("P-256"), ES384: curve("P-384"), ES512: curve("P-521"), EdDSA: ed25519, Ed25519: ed25519 }

const pairOf = (algorithm: string) => (Object.hasOwn(pairs, algorithm) ? pairs[algorithm as keyof typeof pairs] : rsa)

/** The public keys that a client registers. */
export const jwksOf = (algorithm: string, use: "sig" | "enc"): { readonly keys: ReadonlyArray<JWK> } => {
  const pair = use === "sig" ? pairOf(algorithm) : algorithm.startsWith("ECDH") ? pairs.ES256 : rsa
  return { keys: [{ ...(pair.publicKey.export({ format: "jwk" }) as JWK), kid: "1", use }] }
}

/** A JWT of a client for the issuer; by an algorithm that nobody can sign with it has a signature of nobody. */
export const jwtOf = async (issuer: string, clientId: string, algorithm: string, more: object): Promise<string> => {
  const claims = { iss: clientId, aud: issuer, jti: randomUUID(), ...more }
  const jwt = (alg: string) => new SignJWT(claims).setIssuedAt().setExpirationTime("1m").setProtectedHeader({ alg })
  const key = algorithm.startsWith("HS") ? createSecretKey(Buffer.from(longSecret)) : pairOf(algorithm).privateKey
  try {
    return await jwt(algorithm).sign(key)
  } catch {
    const [, payload] = (await jwt("PS256").sign(rsa.privateKey)).split(".")
    return `${Buffer.from(JSON.stringify({ alg: algorithm })).toString("base64url")}.${payload}.AAAA`
  }
}

/** The form by which a client of that method says who it is, with a client registered so. */
export const asserted = async (issuer: string, algorithm: string, running: Running) => {
  const clientId = `asserts ${algorithm}`
  const isMac = algorithm.startsWith("HS")
  await Effect.runPromise(
    running.putClient({
      clientId,
      tokenEndpointAuthMethod: isMac ? "client_secret_jwt" : "private_key_jwt",
      ...(isMac ? { secret: longSecret } : { metadata: { jwks: jwksOf(algorithm, "sig") } })
    })
  )
  return {
    client_assertion: await jwtOf(issuer, clientId, algorithm, { sub: clientId }),
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
  }
}

/** A DPoP proof for the token endpoint; by an algorithm that nobody can sign with it has a signature of nobody. */
export const proofBy = async (algorithm: string, issuer: string): Promise<string> => {
  const jwk = pairOf(algorithm).publicKey.export({ format: "jwk" }) as JWK
  const claims = { htm: "POST", htu: `${issuer}/token`, jti: randomUUID() }
  const header = { alg: algorithm, typ: "dpop+jwt", jwk }
  try {
    return await new SignJWT(claims).setIssuedAt().setProtectedHeader(header).sign(pairOf(algorithm).privateKey)
  } catch {
    const payload = Buffer.from(JSON.stringify({ ...claims, iat: Math.floor(Date.now() / 1000) })).toString("base64url")
    return `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${payload}.AAAA`
  }
}

/** The answers that can be JWTs, as the client gets them; undefined for one that is none. */
const answersOf = async (issuer: string, clientId: string): Promise<Readonly<Record<Answer, string | undefined>>> => {
  const response = await authorize(issuer, clientId, { scope: "openid" })
  const tokens = await exchange(issuer, clientId, response.get("code"))
  const { access_token, id_token } = (await tokens.json()) as {
    readonly access_token: string
    readonly id_token: string
  }
  const userinfo = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
  const introspection = await fetch(`${issuer}/introspect`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`,
      accept: "application/token-introspection+jwt"
    },
    body: new URLSearchParams({ token: access_token ?? "x" })
  })
  const jwtOf = async (answer: Response) =>
    /jwt/.test(answer.headers.get("content-type") ?? "") ? await answer.text() : undefined
  const landed = await browser().visit(authorizationUrl(issuer, clientId, { response_mode: "jwt" }))
  const authorization = landed.url.searchParams.get("response") ?? undefined
  return { id_token, userinfo: await jwtOf(userinfo), introspection: await jwtOf(introspection), authorization }
}

let count = 0

/** Whether the answer comes as a JWT whose header holds the value, for a client registered for it. */
const comes = async (
  issuer: string,
  answer: Answer,
  member: "alg" | "enc",
  value: string,
  client: Running,
  metadata: object
) => {
  const clientId = `answers-${count++}`
  const isSigned = answer === "id_token" && member === "alg" && "idTokenSignedResponseAlg" in metadata
  await Effect.runPromise(
    client.putClient({
      clientId,
      secret,
      firstParty: true,
      ...(isSigned ? { idTokenSignedResponseAlg: value as "RS256" } : {}),
      metadata: metadata as never
    })
  )
  const jwt = (await answersOf(issuer, clientId))[answer]
  return jwt !== undefined && decodeProtectedHeader(jwt)[member] === value
}

export const signs =
  (answer: Answer): Works =>
  (issuer, alg, running) =>
    comes(issuer, answer, "alg", alg, running, {
      [answer === "id_token" ? "idTokenSignedResponseAlg" : `${answer}_signed_response_alg`]: alg
    })

export const encrypts =
  (answer: Answer, member: "alg" | "enc"): Works =>
  (issuer, value, running) => {
    const alg = member === "alg" ? value : "ECDH-ES"
    return comes(issuer, answer, member, value, running, {
      jwks: jwksOf(alg, "enc"),
      [`${answer}_encrypted_response_alg`]: alg,
      ...(member === "enc" ? { [`${answer}_encrypted_response_enc`]: value } : {}),
      ...(answer === "id_token" ? {} : { [`${answer}_signed_response_alg`]: "RS256" })
    })
  }
