/** Answers as JWTs, signed and encrypted by every algorithm, read by libraries that are not ours. */
import { assert } from "@effect/vitest"
import { Egress } from "@lockspire/core"
import { Effect, Layer } from "effect"
import * as jose from "jose"
import * as oauth from "oauth4webapi"
import * as client from "openid-client"
import type { TestIssuer } from "../src/testing/index.ts"
import { browser, exchange, authorize, errorOf, options, post, redirectUri, secret } from "./flow.ts"
import { suite } from "./suite.ts"

const signing = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"] as const
const encryption = ["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"] as const
const content = ["A128GCM", "A256GCM", "A128CBC-HS256"] as const
type Encryption = (typeof encryption)[number]

/** A key pair for every key management algorithm; a client registers all the public ones. */
const keys = Object.fromEntries(
  await Promise.all(
    encryption.map(async (alg) => {
      const pair = await jose.generateKeyPair(alg, {
        extractable: true,
        ...(alg.startsWith("EC") ? { crv: "P-256" } : {})
      })
      const jwk = { ...(await jose.exportJWK(pair.publicKey)), alg, use: "enc", kid: `key for ${alg}` }
      return [alg, { jwk, privateKey: pair.privateKey }] as const
    })
  )
) as Record<Encryption, { readonly jwk: jose.JWK; readonly privateKey: jose.CryptoKey }>
const jwks = { keys: [{ kty: "oct", k: "c2VjcmV0" }, ...encryption.map((alg) => keys[alg].jwk)] }

const encrypted = (answer: string, alg: Encryption, enc?: string) => ({
  [`${answer}_encrypted_response_alg`]: alg,
  ...(enc === undefined ? {} : { [`${answer}_encrypted_response_enc`]: enc })
})

const everySigner: ReadonlyArray<TestIssuer.TestClient> = signing.map((alg) => ({
  clientId: `signed ${alg}`,
  secret,
  firstParty: true,
  idTokenSignedResponseAlg: alg,
  metadata: { userinfo_signed_response_alg: alg, introspection_signed_response_alg: alg }
}))

const pairs = encryption.flatMap((alg) => content.map((enc) => ({ alg, enc, clientId: `encrypted ${alg} ${enc}` })))
const everyEncrypter: ReadonlyArray<TestIssuer.TestClient> = pairs.map(({ alg, clientId, enc }) => ({
  clientId,
  secret,
  firstParty: true,
  idTokenSignedResponseAlg: "ES256",
  metadata: {
    jwks,
    ...encrypted("id_token", alg, enc),
    ...encrypted("userinfo", alg, enc),
    userinfo_signed_response_alg: "ES256",
    ...encrypted("introspection", alg, enc),
    introspection_signed_response_alg: "ES256"
  }
}))

const special: ReadonlyArray<TestIssuer.TestClient> = [
  { clientId: "unsigned userinfo", metadata: { jwks, ...encrypted("userinfo", "ECDH-ES") } },
  { clientId: "no key", metadata: { jwks: { keys: [] }, ...encrypted("id_token", "ECDH-ES") } },
  { clientId: "weak", metadata: { jwks, id_token_encrypted_response_alg: "RSA1_5" } },
  {
    clientId: "broken key",
    metadata: { jwks: { keys: [{ kty: "EC", crv: "P-256", x: "A", y: "A" }] }, ...encrypted("id_token", "ECDH-ES") }
  },
  { clientId: "no userinfo key", metadata: { ...encrypted("userinfo", "ECDH-ES") } },
  { clientId: "unknown userinfo alg", metadata: { userinfo_signed_response_alg: "HS256" } },
  {
    clientId: "published",
    metadata: { jwks_uri: "https://published.example/jwks", ...encrypted("id_token", "ECDH-ES") }
  },
  { clientId: "unpublished", metadata: { jwks_uri: "https://away.example/jwks", ...encrypted("id_token", "ECDH-ES") } },
  { clientId: "plain" }
].map((one) => ({ secret, firstParty: true, ...one }))

const resources = [
  { identifier: "https://opaque.example", scopes: ["read"], accessTokenFormat: "opaque" },
  { identifier: "https://also-opaque.example/api", scopes: ["read"], accessTokenFormat: "opaque" },
  { identifier: "https://jwt.example", scopes: ["read"], accessTokenFormat: "jwt", signingAlgorithm: "ES384" },
  { identifier: "https://brief.example", scopes: ["read"], accessTokenFormat: "opaque", accessTokenLifetime: 45 },
  {
    identifier: "https://encrypted.example",
    scopes: ["read"],
    accessTokenFormat: "encrypted",
    signingAlgorithm: "EdDSA",
    encryption: { alg: "ECDH-ES+A256KW", enc: "A256GCM", jwks }
  },
  { identifier: "https://keyless.example", scopes: ["read"], accessTokenFormat: "encrypted" }
] as const

const issuerOptions: TestIssuer.TestIssuerOptions = {
  clients: [...options.clients, ...everySigner, ...everyEncrypter, ...special],
  resources: resources.map((one) => ({ introspectionClients: [], ...one })),
  signingAlgorithms: signing,
  egress: Layer.succeed(Egress.Egress, {
    get: ({ url }) =>
      url === "https://published.example/jwks"
        ? Effect.succeed({ status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(jwks)) })
        : Effect.fail(new Egress.EgressRefused({ reason: "ConnectionFailed", url }))
  })
}

/** openid-client, made ready for what the client is registered with. */
const configured = async (issuer: string, clientId: string, alg: string, decryptWith?: Encryption) => {
  const config = await client.discovery(
    new URL(issuer),
    clientId,
    {
      id_token_signed_response_alg: alg,
      userinfo_signed_response_alg: alg,
      introspection_signed_response_alg: alg
    },
    client.ClientSecretBasic(secret),
    { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }
  )
  if (decryptWith !== undefined) {
    const { jwk, privateKey } = keys[decryptWith]
    client.enableDecryptingResponses(config, [...content], { key: privateKey, alg: decryptWith, kid: jwk["kid"]! })
  }
  return config
}

const signIn = async (config: client.Configuration) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid email",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    nonce: expectedNonce
  })
  return client.authorizationCodeGrant(config, await browser().approve(url), { pkceCodeVerifier, expectedNonce })
}

const header = (jwt: string) => jose.decodeProtectedHeader(jwt)
const basicOf = (clientId: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${secret}`).toString("base64")}`
})
const introspect = (issuer: string, clientId: string, token: string, accept?: string) =>
  fetch(`${issuer}/introspect`, {
    method: "POST",
    headers: { ...basicOf(clientId), ...(accept === undefined ? {} : { accept }) },
    body: new URLSearchParams({ token })
  })
const introspectionJwt = "application/token-introspection+jwt"

suite(
  "response formats",
  (test) => {
    test("discovery offers exactly the algorithms that there are keys for, and how answers can be encrypted", async (issuer) => {
      const document = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<
        string,
        unknown
      >
      for (const answer of ["id_token", "userinfo", "introspection", "authorization"]) {
        const offered = document[`${answer}_signing_alg_values_supported`] as Array<string>
        assert.deepStrictEqual(offered.toSorted(), [...signing].toSorted())
        assert.deepStrictEqual(document[`${answer}_encryption_alg_values_supported`], [...encryption])
        assert.deepStrictEqual(document[`${answer}_encryption_enc_values_supported`], [...content])
      }
    })

    for (const alg of signing) {
      test(`${alg}: openid-client verifies ID token, userinfo and introspection`, async (issuer) => {
        const config = await configured(issuer, `signed ${alg}`, alg)
        const tokens = await signIn(config)
        assert.strictEqual(header(tokens.id_token!).alg, alg)
        const userinfo = await client.fetchUserInfo(config, tokens.access_token, "alice")
        assert.strictEqual(userinfo["email"], "alice@example.com")
        assert.strictEqual(userinfo["aud"], `signed ${alg}`)
        assert.isTrue((await client.tokenIntrospection(config, tokens.access_token)).active)
        assert.isFalse((await client.tokenIntrospection(config, "unknown")).active)
      })
    }

    for (const { alg, clientId, enc } of pairs) {
      test(`${alg} with ${enc}: openid-client decrypts ID token, userinfo and introspection`, async (issuer) => {
        const config = await configured(issuer, clientId, "ES256", alg)
        const tokens = await signIn(config)
        const { kid, ...outer } = header(tokens.id_token!)
        assert.strictEqual(kid, `key for ${alg}`)
        assert.deepInclude(outer, { alg, enc, cty: "JWT" })
        assert.isUndefined(outer["zip"])
        const userinfo = await client.fetchUserInfo(config, tokens.access_token, "alice")
        assert.strictEqual(userinfo["email"], "alice@example.com")
        assert.isTrue((await client.tokenIntrospection(config, tokens.access_token)).active)
      })
    }

    test("OpenID Connect Core §5.3.2: signed or encrypted userinfo is application/jwt, in the registered form", async (issuer) => {
      const userinfoOf = async (clientId: string, alg: string) => {
        const tokens = await signIn(await configured(issuer, clientId, alg))
        const answer = await fetch(`${issuer}/userinfo`, {
          headers: { authorization: `Bearer ${tokens.access_token}` }
        })
        assert.strictEqual(answer.status, 200, await answer.clone().text())
        assert.include(answer.headers.get("cache-control"), "no-store")
        return { type: answer.headers.get("content-type"), body: await answer.text() }
      }
      const signed = await userinfoOf("signed ES384", "ES384")
      assert.match(signed.type!, /^application\/jwt\b/)
      assert.strictEqual(header(signed.body).alg, "ES384")
      const claims = jose.decodeJwt(signed.body)
      assert.deepInclude(claims, { iss: issuer, aud: "signed ES384", sub: "alice" })
      const hidden = await userinfoOf("unsigned userinfo", "RS256")
      assert.match(hidden.type!, /^application\/jwt\b/)
      const { plaintext, protectedHeader } = await jose.compactDecrypt(hidden.body, keys["ECDH-ES"].privateKey)
      assert.strictEqual(protectedHeader.enc, "A128CBC-HS256")
      assert.deepInclude(JSON.parse(new TextDecoder().decode(plaintext)), { sub: "alice", email: "alice@example.com" })
      assert.match((await userinfoOf("plain", "RS256")).type!, /^application\/json\b/)
    })

    test("RFC 7591 §2: a response is encrypted to a key that the client publishes at its jwks_uri", async (issuer) => {
      const tokens = await signIn(await configured(issuer, "published", "RS256", "ECDH-ES"))
      assert.strictEqual(tokens.claims()?.sub, "alice")
      assert.strictEqual(header(tokens.id_token!).kid, "key for ECDH-ES")
      const code = (await authorize(issuer, "unpublished", { scope: "openid" })).get("code")
      assert.strictEqual(await errorOf(await exchange(issuer, "unpublished", code)), "invalid_request")
    })

    test("what the metadata asks for and nobody can do is an error, never a weaker answer nor a 5xx", async (issuer) => {
      for (const clientId of ["no key", "weak", "broken key"]) {
        const code = (await authorize(issuer, clientId, { scope: "openid" })).get("code")
        const answer = await exchange(issuer, clientId, code)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(await errorOf(answer), "invalid_request")
      }
      for (const clientId of ["no userinfo key", "unknown userinfo alg"]) {
        const tokens = await signIn(await configured(issuer, clientId, "RS256"))
        const answer = await fetch(`${issuer}/userinfo`, {
          headers: { authorization: `Bearer ${tokens.access_token}` }
        })
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(await errorOf(answer), "invalid_request")
      }
    })

    test("RFC 9701 §4: an introspection answer is a JWT only where Accept names it and wants it no less than JSON", async (issuer) => {
      const { access_token } = await signIn(await configured(issuer, "plain", "RS256"))
      const typeFor = async (accept?: string) => {
        const answer = await introspect(issuer, "plain", access_token, accept)
        assert.strictEqual(answer.status, 200)
        assert.match(answer.headers.get("vary") ?? "", /accept/i)
        assert.include(answer.headers.get("cache-control"), "no-store")
        return answer.headers.get("content-type")!.split(";")[0]
      }
      for (const accept of [
        introspectionJwt,
        introspectionJwt.toUpperCase(),
        `${introspectionJwt}, application/json`,
        `${introspectionJwt};q=0.9, application/json;q=0.8`,
        `application/json;q=0, ${introspectionJwt};q=0.001`,
        `*/*;q=0.1, ${introspectionJwt}`
      ]) {
        assert.strictEqual(await typeFor(accept), introspectionJwt, accept)
      }
      for (const accept of [
        undefined,
        "*/*",
        "application/*",
        "application/json",
        "application/jwt",
        `${introspectionJwt};q=0`,
        `${introspectionJwt};q=0.5, application/json`,
        `${introspectionJwt};q=0.5, application/*`,
        `${introspectionJwt};q=x`,
        ",;,"
      ]) {
        assert.strictEqual(await typeFor(accept), "application/json", accept)
      }
    })

    test("RFC 9701 §5: the answer names issuer, audience and time, holds the rest in token_introspection, and has neither sub nor exp", async (issuer) => {
      const { access_token } = await signIn(await configured(issuer, "plain", "RS256"))
      const jwt = await (await introspect(issuer, "plain", access_token, introspectionJwt)).text()
      assert.deepInclude(header(jwt), { alg: "RS256", typ: "token-introspection+jwt" })
      const { iat, token_introspection, ...rest } = jose.decodeJwt(jwt)
      assert.deepStrictEqual(rest, { iss: issuer, aud: "plain" })
      assert.isNumber(iat)
      const json = await (await introspect(issuer, "plain", access_token)).json()
      assert.deepStrictEqual(token_introspection, json)
      const other = jose.decodeJwt(
        await (await introspect(issuer, "signed ES256", access_token, introspectionJwt)).text()
      )
      assert.deepStrictEqual(other["token_introspection"], { active: false })
      const refused = await fetch(`${issuer}/introspect`, {
        method: "POST",
        headers: { accept: introspectionJwt },
        body: new URLSearchParams({ token: access_token })
      })
      assert.strictEqual(refused.status, 401)
      assert.match(refused.headers.get("content-type")!, /^application\/json\b/)
    })

    test("oauth4webapi verifies an introspection answer, and takes it for nothing else", async (issuer) => {
      const as = await oauth.processDiscoveryResponse(
        new URL(issuer),
        await oauth.discoveryRequest(new URL(issuer), { [oauth.allowInsecureRequests]: true, algorithm: "oauth2" })
      )
      const { access_token } = await signIn(await configured(issuer, "signed Ed25519", "Ed25519"))
      const me = { client_id: "signed Ed25519", introspection_signed_response_alg: "Ed25519" }
      const answer = await oauth.introspectionRequest(as, me, oauth.ClientSecretBasic(secret), access_token, {
        [oauth.allowInsecureRequests]: true
      })
      const jwt = await answer.clone().text()
      assert.isTrue((await oauth.processIntrospectionResponse(as, me, answer)).active)
      await oauth.validateApplicationLevelSignature(as, answer, { [oauth.allowInsecureRequests]: true })
      const asAccessToken = new Request("https://jwt.example", { headers: { authorization: `Bearer ${jwt}` } })
      const taken = await oauth
        .validateJwtAccessToken(as, asAccessToken, me.client_id, { [oauth.allowInsecureRequests]: true })
        .then(
          () => true,
          () => false
        )
      assert.isFalse(taken)
    })

    const tokenFor = async (issuer: string, granted: string, requested?: string) => {
      const code = (await authorize(issuer, "plain", { scope: "read", resource: granted })).get("code")
      return exchange(issuer, "plain", code, requested === undefined ? {} : { resource: requested })
    }

    test("RFC 9068: a resource's access token is signed by its algorithm, and oauth4webapi validates it", async (issuer) => {
      const as = await oauth.processDiscoveryResponse(
        new URL(issuer),
        await oauth.discoveryRequest(new URL(issuer), { [oauth.allowInsecureRequests]: true })
      )
      const { access_token } = (await (await tokenFor(issuer, "https://jwt.example")).json()) as {
        access_token: string
      }
      assert.deepInclude(header(access_token), { alg: "ES384", typ: "at+jwt" })
      const request = new Request("https://jwt.example", { headers: { authorization: `Bearer ${access_token}` } })
      const claims = await oauth.validateJwtAccessToken(as, request, "https://jwt.example", {
        [oauth.allowInsecureRequests]: true,
        signingAlgorithms: ["ES384"]
      })
      assert.strictEqual(claims.sub, "alice")
    })

    test("RFC 9068 §6: an encrypted access token opens for its resource, and introspects", async (issuer) => {
      const { access_token } = (await (await tokenFor(issuer, "https://encrypted.example")).json()) as {
        access_token: string
      }
      assert.deepInclude(header(access_token), { alg: "ECDH-ES+A256KW", enc: "A256GCM", cty: "JWT" })
      const { plaintext } = await jose.compactDecrypt(access_token, keys["ECDH-ES+A256KW"].privateKey)
      const inner = new TextDecoder().decode(plaintext)
      assert.deepInclude(header(inner), { alg: "EdDSA", typ: "at+jwt" })
      const keySet = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`))
      const { payload } = await jose.jwtVerify(inner, keySet, { issuer, audience: "https://encrypted.example" })
      assert.strictEqual(payload["scope"], "read")
      const seen = (await (await post(`${issuer}/introspect`, "gateway", { token: access_token })).json()) as object
      assert.deepInclude(seen, { active: true, aud: "https://encrypted.example" })
    })

    test("a resource that no token can be made for is invalid_target, never a 5xx", async (issuer) => {
      const answer = await tokenFor(issuer, "https://keyless.example")
      assert.strictEqual(answer.status, 400)
      assert.strictEqual(await errorOf(answer), "invalid_target")
    })

    test("RFC 8707 §2: where granted resources differ in format or lifetime, the token request names which", async (issuer) => {
      const granted = async (...identifiers: ReadonlyArray<string>) => {
        const page = await browser().visit(
          `${issuer}/authorize?${new URLSearchParams([
            ...new URLSearchParams({
              client_id: "exempt",
              redirect_uri: redirectUri,
              response_type: "code",
              scope: "read"
            }),
            ...identifiers.map((identifier) => ["resource", identifier] as [string, string])
          ])}`
        )
        return page.url.searchParams.get("code")
      }
      const ask = (code: string | null, resource?: string) =>
        post(`${issuer}/token`, "exempt", {
          grant_type: "authorization_code",
          code: code ?? "",
          redirect_uri: redirectUri,
          resource
        })
      for (const other of ["https://jwt.example", "https://brief.example", "https://encrypted.example"]) {
        const refused = await ask(await granted("https://opaque.example", other))
        assert.strictEqual(await errorOf(refused), "invalid_target", other)
      }
      const code = await granted("https://opaque.example", "https://brief.example")
      const told = (await (await ask(code)).json()) as object
      assert.deepInclude(told, {
        error: "invalid_target",
        error_description: "No one token fits all of these resources: name fewer."
      })
      const named = (await (await ask(code, "https://brief.example")).json()) as { expires_in: number }
      assert.strictEqual(named.expires_in, 45)
      const alike = await ask(await granted("https://opaque.example", "https://also-opaque.example/api"))
      assert.strictEqual(alike.status, 200)
    })

    test("RFC 3986 §6.2.2: any spelling of a resource's identifier is that resource, and tokens carry the registered one", async (issuer) => {
      for (const spelling of [
        "https://JWT.example",
        "https://jwt.example/",
        "https://jwt.example:443/",
        "HTTPS://jwt.example"
      ]) {
        const { access_token } = (await (await tokenFor(issuer, spelling)).json()) as { access_token: string }
        assert.strictEqual(jose.decodeJwt(access_token).aud, "https://jwt.example", spelling)
      }
      for (const other of [
        "http://jwt.example",
        "https://jwt.example/x",
        "https://jwt.example?",
        "https://a@jwt.example"
      ]) {
        const refused = await authorize(issuer, "plain", { scope: "read", resource: other })
        assert.strictEqual(refused.get("error"), "invalid_target", other)
      }
    })
  },
  { options: issuerOptions }
)
