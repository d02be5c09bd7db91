/** oidc-client-ts, the library of single-page applications, against a running issuer; its browser is Node here. */
import { assert } from "@effect/vitest"
import { InMemoryWebStorage, OidcClient, type OidcClientSettings, WebStorageStateStore } from "oidc-client-ts"
import { browser, redirectUri, secret } from "./flow.ts"
import { suite } from "./suite.ts"

const clientOf = (authority: string, clientId: "public" | "post", more: Partial<OidcClientSettings> = {}) =>
  new OidcClient({
    authority,
    client_id: clientId,
    ...(clientId === "post" ? { client_secret: secret } : {}),
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    loadUserInfo: true,
    stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    ...more
  })

const signIn = async (client: OidcClient, extra: Parameters<OidcClient["createSigninRequest"]>[0] = {}) => {
  const request = await client.createSigninRequest(extra)
  const landed = await browser().approve(request.url)
  return client.processSigninResponse(landed.href)
}

suite("oidc-client-ts", (test) => {
  for (const clientId of ["public", "post"] as const) {
    test(`${clientId}: signs in with userinfo, refreshes and revokes`, async (issuer) => {
      const client = clientOf(issuer, clientId)
      const response = await signIn(client, { nonce: "the-nonce", state: { page: "/start" } })
      assert.strictEqual(response.profile.sub, "alice")
      assert.strictEqual(response.profile.email, "alice@example.com")
      assert.strictEqual(response.profile.nonce, undefined, "the library keeps protocol claims to itself")
      assert.deepStrictEqual(response.userState, { page: "/start" })

      const refreshed = await client.useRefreshToken({
        state: {
          refresh_token: response.refresh_token!,
          id_token: response.id_token!,
          session_state: null,
          scope: response.scope!,
          profile: response.profile
        }
      })
      assert.notStrictEqual(refreshed.access_token, response.access_token)
      assert.strictEqual(refreshed.profile.sub, "alice")

      const userinfo = `${issuer}/userinfo`
      const headers = { authorization: `Bearer ${refreshed.access_token}` }
      assert.strictEqual((await fetch(userinfo, { headers })).status, 200)
      await client.revokeToken(refreshed.refresh_token!, "refresh_token")
      assert.strictEqual((await fetch(userinfo, { headers })).status, 401)
    })
  }

  test("a silent sign-in without a session ends in login_required", async (issuer) => {
    const client = clientOf(issuer, "public")
    const request = await client.createSigninRequest({ prompt: "none" })
    const { url } = await browser().visit(request.url)
    const error = await client.processSigninResponse(url.href).then(
      () => undefined,
      (cause: unknown) => cause as { readonly error: string }
    )
    assert.strictEqual(error?.error, "login_required")
  })

  test("the response in the fragment is read as well as the one in the query", async (issuer) => {
    const response = await signIn(clientOf(issuer, "public", { response_mode: "fragment" }))
    assert.strictEqual(response.profile.sub, "alice")
  })
})
