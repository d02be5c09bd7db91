/** oauth4webapi, which checks every byte of an answer and forgives nothing, against a running issuer. */
import { assert } from "@effect/vitest"
import * as oauth from "oauth4webapi"
import { browser, options, redirectUri, resource, secret } from "./flow.ts"
import { suite } from "./suite.ts"

/** The issuer of the tests is plain http on loopback: the library's one setting for that. */
const http = { [oauth.allowInsecureRequests]: true }

const methods = {
  public: oauth.None(),
  basic: oauth.ClientSecretBasic(secret),
  post: oauth.ClientSecretPost(secret),
  es256: oauth.ClientSecretBasic(secret)
}
type ClientId = keyof typeof methods

const discover = async (issuer: string) => {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...http, algorithm: "oidc" }))
}

const signIn = async (issuer: string, clientId: ClientId, extra: Record<string, string> = {}) => {
  const as = await discover(issuer)
  const client: oauth.Client = {
    client_id: clientId,
    ...(clientId === "es256" ? { id_token_signed_response_alg: "ES256" } : {})
  }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint!)
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid profile email offline_access",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...extra
  }).toString()
  const landed = await browser().approve(url)
  // Compares `state`, and `iss` with the issuer (RFC 9207).
  const response = oauth.validateAuthResponse(as, client, landed, state)
  const answer = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    methods[clientId],
    response,
    redirectUri,
    verifier,
    http
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true
  })
  await oauth.validateApplicationLevelSignature(as, answer, http)
  return { as, client, tokens, clientAuthentication: methods[clientId] }
}

suite(
  "oauth4webapi",
  (test) => {
    for (const clientId of Object.keys(methods) as ReadonlyArray<ClientId>) {
      test(`${clientId}: signs in, reads userinfo, refreshes, introspects and revokes`, async (issuer) => {
        const { as, client, clientAuthentication, tokens } = await signIn(issuer, clientId)
        const { sub } = oauth.getValidatedIdTokenClaims(tokens)!
        assert.strictEqual(sub, "alice")

        const userinfo = await oauth.userInfoRequest(as, client, tokens.access_token, http)
        const claims = await oauth.processUserInfoResponse(as, client, sub, userinfo)
        assert.strictEqual(claims.email, "alice@example.com")

        const again = await oauth.refreshTokenGrantRequest(
          as,
          client,
          clientAuthentication,
          tokens.refresh_token!,
          http
        )
        const refreshed = await oauth.processRefreshTokenResponse(as, client, again)
        assert.notStrictEqual(refreshed.access_token, tokens.access_token)
        assert.notStrictEqual(refreshed.refresh_token, tokens.refresh_token)

        const introspect = async () =>
          oauth.processIntrospectionResponse(
            as,
            client,
            await oauth.introspectionRequest(as, client, clientAuthentication, refreshed.access_token, http)
          )
        assert.isTrue((await introspect()).active)
        await oauth.processRevocationResponse(
          await oauth.revocationRequest(as, client, clientAuthentication, refreshed.refresh_token!, http)
        )
        assert.isFalse((await introspect()).active)
      })
    }

    test("RFC 9068 §4: a JWT access token satisfies the library's resource server", async (issuer) => {
      const { as, tokens } = await signIn(issuer, "basic", { scope: "openid read", resource })
      const request = new Request("https://api.example/things", {
        headers: { authorization: `Bearer ${tokens.access_token}` }
      })
      const claims = await oauth.validateJwtAccessToken(as, request, resource, http)
      assert.strictEqual(claims.sub, "alice")
      assert.strictEqual(claims.client_id, "basic")
      assert.strictEqual(claims.scope, "read")
    })

    test("RFC 6749 §4.1.2.1: an error response carries state and iss, and is told apart", async (issuer) => {
      const as = await discover(issuer)
      const url = new URL(as.authorization_endpoint!)
      url.search = new URLSearchParams({
        client_id: "basic",
        redirect_uri: redirectUri,
        response_type: "code",
        scope: "openid",
        prompt: "none",
        state: "expected",
        code_challenge: await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier()),
        code_challenge_method: "S256"
      }).toString()
      const { url: landed } = await browser().visit(url)
      let error: unknown
      try {
        oauth.validateAuthResponse(as, { client_id: "basic" }, landed, "expected")
      } catch (cause) {
        error = cause
      }
      assert.isTrue(error instanceof oauth.AuthorizationResponseError && error.error === "login_required")
    })

    test("RFC 6749 §5.2: a wrong code is an error the library understands", async (issuer) => {
      const as = await discover(issuer)
      const client = { client_id: "basic" }
      const parameters = oauth.validateAuthResponse(
        as,
        client,
        new URLSearchParams({ code: "unknown", iss: issuer }),
        oauth.expectNoState
      )
      const answer = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        methods.basic,
        parameters,
        redirectUri,
        oauth.generateRandomCodeVerifier(),
        http
      )
      const error = await oauth.processAuthorizationCodeResponse(as, client, answer).then(
        () => undefined,
        (cause: unknown) => cause
      )
      assert.isTrue(error instanceof oauth.ResponseBodyError && error.error === "invalid_grant")
    })
  },
  { options: { ...options, resources: [{ ...options.resources[0], accessTokenFormat: "jwt" }] } }
)
