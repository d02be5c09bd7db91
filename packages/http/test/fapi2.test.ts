/** FAPI 2.0 from discovery to a refreshed token, as a bank's app does it with a certified library. */
import { assert, layer } from "@effect/vitest"
import { Certificates } from "@lockspire/core/testing"
import { Effect } from "effect"
import * as openid from "openid-client"
import { TestBrowser, TestIssuer } from "../src/testing/index.ts"
import { type Key, makeKey } from "./conformance/fapi2.ts"
import { payloadOf } from "./flow.ts"
import { storages } from "./storages.ts"
import { fetchWith, trust } from "./tls.ts"

const redirectUri = "https://bank-app.example/callback"
const server = await Effect.runPromise(
  Certificates.makeCertificate({ subject: [["2.5.4.3", "localhost"]], names: { dns: "localhost" } })
)
const certificate = await Effect.runPromise(Certificates.makeCertificate({ subject: [["2.5.4.3", "bank app"]] }))
const stranger = await Effect.runPromise(Certificates.makeCertificate({ subject: [["2.5.4.3", "stranger"]] }))
const key = await makeKey("ES256")
trust(server.pem)

const registered = {
  redirectUris: [redirectUri],
  grantTypes: ["authorization_code", "refresh_token"],
  idTokenSignedResponseAlg: "PS256" as const
}
const metadata = { security_profile: "fapi_2_0_message_signing", authorization_signed_response_alg: "PS256" }
const options: TestIssuer.TestIssuerOptions = {
  tls: { key: server.privateKeyPem, cert: server.pem, ca: server.pem },
  signingAlgorithms: ["PS256", "ES256"],
  policy: { dpopNonce: "required" },
  clients: [
    {
      ...registered,
      clientId: "by-key",
      tokenEndpointAuthMethod: "private_key_jwt",
      metadata: { ...metadata, jwks: { keys: [key.publicJwk] } }
    },
    {
      ...registered,
      clientId: "by-certificate",
      tokenEndpointAuthMethod: "self_signed_tls_client_auth",
      metadata: { ...metadata, jwks: { keys: [certificate.jwk, key.publicJwk] } }
    }
  ]
}

/** What a person does: signs in, and approves. */
const approvedBy = (url: URL): Promise<URL> => new TestBrowser((at) => at.href.startsWith(redirectUri)).approve(url)

/** The request as the specification has it: signed, pushed, and by the browser nothing but its name. */
const authorize = async (config: openid.Configuration, signing: Key, DPoP?: openid.DPoPHandle) => {
  const codeVerifier = openid.randomPKCECodeVerifier()
  const checks = { state: openid.randomState(), nonce: openid.randomNonce() }
  const signed = await openid.buildAuthorizationUrlWithJAR(
    config,
    {
      ...checks,
      redirect_uri: redirectUri,
      scope: "openid offline_access",
      code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: "S256"
    },
    { key: signing.privateKey, kid: signing.publicJwk.kid! }
  )
  const url = await openid.buildAuthorizationUrlWithPAR(config, signed.searchParams, DPoP && { DPoP })
  assert.sameMembers([...url.searchParams.keys()], ["client_id", "request_uri"])
  const landed = await approvedBy(url)
  assert.deepStrictEqual([...landed.searchParams.keys()], ["response"])
  return { landed, checks, codeVerifier }
}

for (const [name, storage] of storages) {
  layer(TestIssuer.layer(storage, options), { timeout: "60 seconds", excludeTestServices: true })(
    `FAPI 2.0 (${name})`,
    (it) => {
      const test = (title: string, run: (issuer: string) => Promise<void>) =>
        it.effect(title, () => Effect.flatMap(TestIssuer.TestIssuer, ({ issuer }) => Effect.promise(() => run(issuer))))

      test("private_key_jwt, PAR, JAR, JARM and DPoP with nonces", async (issuer) => {
        // §5.3.2.1 no. 1: everything is in the metadata.
        const config = await openid.discovery(
          new URL(issuer),
          "by-key",
          { id_token_signed_response_alg: "PS256", authorization_signed_response_alg: "PS256" },
          openid.PrivateKeyJwt({ key: key.privateKey, kid: key.publicJwk.kid! }),
          { [openid.customFetch]: fetchWith(server.pem) }
        )
        openid.useJwtResponseMode(config)
        const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair("ES256"))

        // §5.3.2.2: pushed by an authenticated client, with PKCE; Message Signing §5.3, §5.4: signed both ways.
        const { checks, codeVerifier, landed } = await authorize(config, key, DPoP)

        // §5.3.2.1 no. 4, 5: the tokens are bound to the key of the proof, after the nonce was asked for.
        const tokens = await openid.authorizationCodeGrant(
          config,
          landed,
          { pkceCodeVerifier: codeVerifier, expectedState: checks.state, expectedNonce: checks.nonce },
          undefined,
          { DPoP }
        )
        assert.strictEqual(tokens.token_type, "dpop")
        const sub = tokens.claims()!.sub
        assert.strictEqual((await openid.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).sub, sub)

        // §5.3.4: nobody else can use it, and not as a bearer token.
        const other = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair("ES256"))
        const asked = { DPoP: other }
        const byAnother = await openid.fetchUserInfo(config, tokens.access_token, sub, asked).catch(() => "refused")
        const asBearer = await openid.fetchUserInfo(config, tokens.access_token, sub).catch(() => "refused")
        assert.deepStrictEqual([byAnother, asBearer], ["refused", "refused"])

        // §5.3.2.1 no. 9: the refresh token stays, and takes another key, since the client authenticates.
        const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token!, undefined, asked)
        assert.strictEqual(refreshed.refresh_token, tokens.refresh_token)
        await openid.fetchUserInfo(config, refreshed.access_token, sub, asked)

        // Message Signing §5.5: what is said about it is signed, and only for whoever asked.
        const introspected = await openid.tokenIntrospection(config, refreshed.access_token)
        assert.isTrue(introspected.active)
        assert.isString((introspected["cnf"] as { readonly jkt: string }).jkt)
      })

      test("mutual TLS for both: the client, and the tokens that are bound to its certificate", async (issuer) => {
        const config = await openid.discovery(
          new URL(issuer),
          "by-certificate",
          { id_token_signed_response_alg: "PS256", authorization_signed_response_alg: "PS256" },
          openid.TlsClientAuth(),
          { [openid.customFetch]: fetchWith(server.pem, certificate) }
        )
        openid.useJwtResponseMode(config)
        const { checks, codeVerifier, landed } = await authorize(config, key)
        const tokens = await openid.authorizationCodeGrant(config, landed, {
          pkceCodeVerifier: codeVerifier,
          expectedState: checks.state,
          expectedNonce: checks.nonce
        })
        assert.strictEqual(tokens.token_type, "bearer")
        assert.strictEqual(payloadOf(tokens.id_token!)["nonce"], checks.nonce)
        const sub = tokens.claims()!.sub
        assert.strictEqual((await openid.fetchUserInfo(config, tokens.access_token, sub)).sub, sub)

        // RFC 8705 §3: with another certificate, or with none, it is worth nothing.
        for (const shown of [stranger, undefined]) {
          const answer = await fetchWith(server.pem, shown)(`${issuer}/userinfo`, {
            method: "GET",
            headers: { authorization: `Bearer ${tokens.access_token}` },
            body: undefined,
            redirect: "manual"
          })
          assert.strictEqual(answer.status, 401)
        }
        const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token!)
        await openid.fetchUserInfo(config, refreshed.access_token, sub)
      })
    }
  )
}
