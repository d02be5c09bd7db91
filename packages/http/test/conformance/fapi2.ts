/** A FAPI 2.0 client as the Foundation's suite plays it: every part of a request can be changed. */
import { assert } from "@effect/vitest"
import { createHash, randomUUID } from "node:crypto"
import { CompactSign, exportJWK, generateKeyPair, type JWK } from "jose"
import type { TestBrowser, TestIssuer } from "../../src/testing/index.ts"
import { browser, challenge, redirectUri, verifier } from "../flow.ts"

type Members = Readonly<Record<string, unknown>>
type Form = Readonly<Record<string, string | undefined>>

export interface Key {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

export const makeKey = async (alg: string, kid: string = randomUUID()): Promise<Key> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } }
}

export const sign = (key: Key, header: Members, claims: Members): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: key.alg, ...header })
    .sign(key.privateKey)

const now = () => Math.floor(Date.now() / 1000)
const formOf = (members: Form) =>
  new URLSearchParams(Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined))
const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url")

/** What a test changes of a token or a pushed request: the form, the assertion's claims and header, the proof's. */
export interface Changes {
  readonly form?: Form
  readonly assertion?: Members
  readonly assertionHeader?: Members
  readonly assertionKey?: Key
  /** `false` for no proof. */
  readonly proof?: Members | false
  readonly proofHeader?: Members
  readonly proofKey?: Key
}

export interface Tokens {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly refresh_token: string
  readonly id_token: string
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/** Two keys: one by which the client authenticates and signs requests, one that its tokens are bound to. */
export const fapiClient = async (issuer: string, clientId: string, alg: string) => {
  const key = await makeKey(alg)
  const dpopKey = await makeKey(alg)

  const assertion = ({ assertion = {}, assertionHeader = {}, assertionKey = key }: Changes = {}) => {
    const at = now()
    const claims = { iss: clientId, sub: clientId, aud: issuer, jti: randomUUID(), iat: at, nbf: at, exp: at + 60 }
    return sign(assertionKey, { kid: key.publicJwk.kid, ...assertionHeader }, { ...claims, ...assertion })
  }
  const authentication = async (changes?: Changes): Promise<Form> => ({
    client_assertion: await assertion(changes),
    client_assertion_type: jwtBearer
  })
  const proof = (method: string, url: string, { proof = {}, proofHeader = {}, proofKey = dpopKey }: Changes = {}) => {
    const { kty, crv, x, y, n, e } = proofKey.publicJwk
    const claims = { htm: method, htu: url, iat: now(), jti: randomUUID(), ...(proof === false ? {} : proof) }
    const jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }))
    return sign(proofKey, { typ: "dpop+jwt", jwk, ...proofHeader }, claims)
  }

  const post = async (path: string, form: Form, changes: Changes, isProofSent: boolean) => {
    const url = `${issuer}${path}`
    const headers: Record<string, string> = isProofSent ? { dpop: await proof("POST", url, changes) } : {}
    const body = formOf({ ...form, ...(await authentication(changes)), ...changes.form })
    return fetch(url, { method: "POST", headers, body })
  }

  /** The parameters of an authorization request. */
  const request = (changes: Form = {}): Form => ({
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: "openid offline_access",
    state: "the-state",
    nonce: "the-nonce",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...changes
  })

  /** PAR; no proof unless `proof` is stated. */
  const push = (parameters: Form = request(), changes: Changes = {}) =>
    post("/par", parameters, changes, changes.proof !== undefined && changes.proof !== false)

  const requestUriOf = async (parameters?: Form, changes?: Changes): Promise<string> => {
    const answer = await push(parameters, changes)
    assert.strictEqual(answer.status, 201, await answer.clone().text())
    return ((await answer.json()) as { readonly request_uri: string }).request_uri
  }

  /** The browser's way with a request_uri; `beside` are parameters that the client should not have sent there. */
  const visit = (requestUri: string, beside: Form = {}, person: TestBrowser = browser()) =>
    person.visit(`${issuer}/authorize?${formOf({ client_id: clientId, request_uri: requestUri, ...beside })}`)

  const codeOf = async (parameters?: Form, changes?: Changes, person?: TestBrowser): Promise<string> => {
    const landed = await visit(await requestUriOf(parameters, changes), {}, person)
    const code = landed.url.searchParams.get("code")
    assert.isString(code, `${landed.url} ${landed.body}`)
    return code!
  }

  const exchange = (code: string, changes: Changes = {}) =>
    post(
      "/token",
      { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier },
      changes,
      changes.proof !== false
    )

  const tokensOf = async (answer: Response): Promise<Tokens> => {
    assert.strictEqual(answer.status, 200, await answer.clone().text())
    return (await answer.json()) as Tokens
  }
  const signIn = async (parameters?: Form) => tokensOf(await exchange(await codeOf(parameters)))

  const refresh = (refresh_token: string, changes: Changes = {}) =>
    post("/token", { grant_type: "refresh_token", refresh_token }, changes, changes.proof !== false)

  /** The resource, which here is userinfo. */
  const resource = async (accessToken: string, changes: Changes & { readonly scheme?: string } = {}) => {
    const url = `${issuer}/userinfo`
    const headers: Record<string, string> = { authorization: `${changes.scheme ?? "DPoP"} ${accessToken}` }
    const bound = { ...changes, proof: { ath: sha256(accessToken), ...changes.proof } }
    if (changes.proof !== false) headers["dpop"] = await proof("GET", url, bound)
    return fetch(url, { headers })
  }

  /** RFC 9101 §4: the request as a signed object. */
  const requestObject = (
    members: Members = {},
    changes: { readonly header?: Members; readonly key?: Key } = {},
    parameters: Form = request()
  ) => {
    const at = now()
    const claims = { ...parameters, iss: clientId, aud: issuer, nbf: at, exp: at + 300, ...members }
    return sign(changes.key ?? key, { kid: key.publicJwk.kid, ...changes.header }, JSON.parse(JSON.stringify(claims)))
  }

  /** What is registered of it. */
  const registered = (metadata: Readonly<Record<string, never>> | object = {}): TestIssuer.TestClient => ({
    clientId,
    tokenEndpointAuthMethod: "private_key_jwt",
    firstParty: true,
    redirectUris: [redirectUri],
    grantTypes: ["authorization_code", "refresh_token"],
    idTokenSignedResponseAlg: "PS256",
    metadata: { jwks: { keys: [key.publicJwk] }, security_profile: "fapi_2_0_security", ...metadata }
  })

  return {
    clientId,
    key,
    dpopKey,
    assertion,
    authentication,
    proof,
    request,
    push,
    requestUriOf,
    visit,
    codeOf,
    exchange,
    tokensOf,
    signIn,
    refresh,
    resource,
    requestObject,
    registered
  }
}

export type FapiClient = Awaited<ReturnType<typeof fapiClient>>
