/**
 * What the OpenID Foundation's `oidcc-basic-certification-test-plan` checks of a provider, module by module under the
 * plan's own names. Its clients send no PKCE, so these are of the client that the operator exempted.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { formOf } from "../../src/testing/index.ts"
import {
  authorization,
  authorizationUrl,
  basic,
  browser,
  errorOf,
  payloadOf,
  redirectUri,
  refresh,
  secret,
  type Tokens
} from "../flow.ts"
import { suite } from "../suite.ts"
import { ask, authTimeOf, bearer, plain, redeem, setPerson, signedInAnHourAgo, tokensOf, userinfo } from "./exempt.ts"

suite(
  "oidcc-basic",
  (test) => {
    test("oidcc-server: code flow, ID token verified by the published keys, userinfo of the same sub", async (issuer) => {
      const tokens = await tokensOf(issuer)
      const { payload, protectedHeader } = await jwtVerify(
        tokens.id_token,
        createRemoteJWKSet(new URL(`${issuer}/jwks`)),
        { issuer, audience: "exempt" }
      )
      assert.strictEqual(protectedHeader.alg, "RS256")
      assert.isString(protectedHeader.kid)
      assert.strictEqual(payload["nonce"], "the-nonce")
      assert.isAtMost(payload.sub!.length, 255)
      assert.strictEqual((await userinfo(issuer, bearer(tokens)))["sub"], payload.sub)
    })

    test("oidcc-response-type-missing: invalid_request at the redirect URI", async (issuer) => {
      const { response } = await ask(issuer, { response_type: undefined })
      assert.strictEqual(response.get("error"), "invalid_request")
      assert.strictEqual(response.get("state"), "the-state")
    })

    test("oidcc-userinfo-get, -post-header, -post-body: three ways to present the token", async (issuer) => {
      const tokens = await tokensOf(issuer)
      const body = new URLSearchParams({ access_token: tokens.access_token })
      for (const init of [bearer(tokens), { method: "POST", ...bearer(tokens) }, { method: "POST", body }]) {
        assert.strictEqual((await userinfo(issuer, init))["sub"], "alice")
      }
    })

    test("oidcc-ensure-request-without-nonce-succeeds-for-code-flow: no nonce in, none out", async (issuer) => {
      assert.notProperty(payloadOf((await tokensOf(issuer, { nonce: undefined })).id_token), "nonce")
    })

    test("oidcc-ensure-request-without-state: no state in, none out", async (issuer) => {
      const { response } = await ask(issuer, { state: undefined })
      assert.isTrue(response.has("code"))
      assert.isFalse(response.has("state"))
    })

    const scopes: Readonly<Record<string, ReadonlyArray<string>>> = {
      profile: [
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at"
      ],
      email: ["email", "email_verified"],
      address: ["address"],
      phone: ["phone_number", "phone_number_verified"]
    }
    for (const [scope, claims] of Object.entries(scopes)) {
      test(`oidcc-scope-${scope}: userinfo holds its claims, and the ID token does not`, async (issuer) => {
        const tokens = await tokensOf(issuer, { scope: `openid ${scope}` })
        assert.sameMembers(Object.keys(await userinfo(issuer, bearer(tokens))), ["sub", ...claims])
        assert.doesNotHaveAnyKeys(payloadOf(tokens.id_token), [...claims])
      })
    }

    test("oidcc-scope-all: userinfo holds the claims of every scope", async (issuer) => {
      const tokens = await tokensOf(issuer, { scope: "openid profile email address phone" })
      const claims = Object.values(scopes).flat()
      assert.sameMembers(Object.keys(await userinfo(issuer, bearer(tokens))), ["sub", ...claims])
    })

    test("oidcc-ensure-other-scope-order-succeeds: the order of scopes means nothing", async (issuer) => {
      const tokens = await tokensOf(issuer, { scope: "email openid" })
      assert.strictEqual((await userinfo(issuer, bearer(tokens)))["email"], "alice@example.com")
      assert.isString(tokens.id_token)
    })

    for (const display of ["page", "popup", "touch", "wap"]) {
      test(`oidcc-display-${display}: is understood`, async (issuer) => {
        assert.isTrue((await ask(issuer, { display })).response.has("code"))
      })
    }

    test("oidcc-prompt-login: a new authentication, with a newer auth_time", async (issuer) => {
      const { authTime, person } = await signedInAnHourAgo(issuer)
      const before = await tokensOf(issuer, {}, person)
      assert.strictEqual(authTimeOf(before), authTime)
      const { response, signedIn } = await ask(issuer, { prompt: "login" }, person)
      assert.isTrue(signedIn)
      const after = (await (await redeem(issuer, response.get("code"))).json()) as Tokens
      assert.isAbove(authTimeOf(after), authTime)
      assert.strictEqual(payloadOf(after.id_token)["sub"], "alice")
    })

    test("oidcc-prompt-none-not-logged-in: login_required, and no page is shown", async (issuer) => {
      const { response, signedIn } = await ask(issuer, { prompt: "none" })
      assert.isFalse(signedIn)
      assert.strictEqual(response.get("error"), "login_required")
      assert.strictEqual(response.get("state"), "the-state")
    })

    test("oidcc-prompt-none-logged-in: a code without a page, for the same authentication", async (issuer) => {
      const person = browser()
      const first = payloadOf((await tokensOf(issuer, {}, person)).id_token)
      const { response, signedIn } = await ask(issuer, { prompt: "none" }, person)
      assert.isFalse(signedIn)
      const second = payloadOf(((await (await redeem(issuer, response.get("code"))).json()) as Tokens).id_token)
      for (const claim of ["sub", "auth_time", "sid"]) assert.strictEqual(second[claim], first[claim], claim)
    })

    test("prompt=none and no remembered consent: consent_required", async (issuer) => {
      const person = browser()
      await ask(issuer, {}, person)
      const url = authorizationUrl(issuer, "es256", { scope: "openid", prompt: "none" })
      assert.strictEqual((await person.visit(url)).url.searchParams.get("error"), "consent_required")
    })

    test("prompt=none with another prompt: invalid_request", async (issuer) => {
      assert.strictEqual((await ask(issuer, { prompt: "none login" })).response.get("error"), "invalid_request")
    })

    test("prompt=consent: the page is shown though policy or memory would spare it", async (issuer) => {
      const person = browser()
      const page = await person.visit(authorizationUrl(issuer, "exempt", { ...plain, prompt: "consent" }))
      assert.strictEqual(page.status, 200)
      assert.isTrue(formOf(page.body)!.fields.has("csrf"))
    })

    test("oidcc-max-age-1: a session older than that authenticates anew", async (issuer) => {
      const { authTime, person } = await signedInAnHourAgo(issuer)
      const { response, signedIn } = await ask(issuer, { max_age: "1" }, person)
      assert.isTrue(signedIn)
      const tokens = (await (await redeem(issuer, response.get("code"))).json()) as Tokens
      assert.isAbove(authTimeOf(tokens), authTime)
    })

    test("oidcc-max-age-10000: a younger session is enough, and auth_time tells when", async (issuer) => {
      const { authTime, person } = await signedInAnHourAgo(issuer)
      const { response, signedIn } = await ask(issuer, { max_age: "10000" }, person)
      assert.isFalse(signedIn)
      assert.strictEqual(authTimeOf((await (await redeem(issuer, response.get("code"))).json()) as Tokens), authTime)
    })

    test("max_age with prompt=none and an older session: login_required", async (issuer) => {
      const { person } = await signedInAnHourAgo(issuer)
      const { response } = await ask(issuer, { max_age: "60", prompt: "none" }, person)
      assert.strictEqual(response.get("error"), "login_required")
    })

    test("oidcc-ensure-request-with-unknown-parameter-succeeds: extra is ignored", async (issuer) => {
      assert.isTrue((await ask(issuer, { extra: "foobar" })).response.has("code"))
    })

    test("oidcc-id-token-hint: the hinted subject without a page; another subject is login_required", async (issuer, running) => {
      const person = browser()
      const { id_token } = await tokensOf(issuer, {}, person)
      const hinted = await ask(issuer, { prompt: "none", id_token_hint: id_token }, person)
      assert.isTrue(hinted.response.has("code"))
      await setPerson(running, "bob")
      const bob = browser()
      await ask(issuer, {}, bob)
      const other = await ask(issuer, { prompt: "none", id_token_hint: id_token }, bob)
      assert.strictEqual(other.response.get("error"), "login_required")
      // Without prompt=none Bob may become Alice; as long as he stays Bob there is no code.
      const asked = await ask(issuer, { id_token_hint: id_token }, bob)
      assert.isTrue(asked.signedIn)
      assert.strictEqual(asked.response.get("error"), "login_required")
      await setPerson(running, "alice")
    })

    test("oidcc-login-hint: reaches the sign-in page", async (issuer) => {
      const { response, visited } = await ask(issuer, { login_hint: "buffy@client.example" })
      assert.isTrue(response.has("code"))
      const page = visited.find((url) => url.pathname === "/test/sign-in")!
      assert.strictEqual(page.searchParams.get("hint"), "buffy@client.example")
    })

    test("oidcc-ui-locales, oidcc-claims-locales: are understood", async (issuer) => {
      assert.isTrue((await ask(issuer, { ui_locales: "se", claims_locales: "se fr-CA" })).response.has("code"))
    })

    test("oidcc-ensure-request-with-acr-values-succeeds: tried, not demanded; the acr reached is told", async (issuer, running) => {
      const without = await tokensOf(issuer, { acr_values: "1 2" })
      assert.notProperty(payloadOf(without.id_token), "acr")
      await setPerson(running, "alice", "2")
      assert.strictEqual(payloadOf((await tokensOf(issuer, { acr_values: "1 2" })).id_token)["acr"], "2")
      await setPerson(running, "alice")
    })

    test("an essential acr that is not reached: unmet_authentication_requirements", async (issuer, running) => {
      const claims = '{"id_token":{"acr":{"essential":true,"values":["gold"]}}}'
      const refused = await ask(issuer, { claims })
      assert.strictEqual(refused.response.get("error"), "unmet_authentication_requirements")
      await setPerson(running, "alice", "gold")
      assert.strictEqual(payloadOf((await tokensOf(issuer, { claims })).id_token)["acr"], "gold")
      await setPerson(running, "alice")
    })

    test("oidcc-codereuse: invalid_grant, and what the first use issued is revoked", async (issuer) => {
      const { response } = await ask(issuer, { scope: "openid offline_access" })
      const tokens = (await (await redeem(issuer, response.get("code"))).json()) as Tokens
      const again = await redeem(issuer, response.get("code"))
      assert.strictEqual(again.status, 400)
      assert.strictEqual(await errorOf(again), "invalid_grant")
      assert.strictEqual((await fetch(`${issuer}/userinfo`, bearer(tokens))).status, 401)
      assert.strictEqual(await errorOf(await refresh(issuer, "exempt", tokens.refresh_token)), "invalid_grant")
    })

    test("oidcc-ensure-registered-redirect-uri: an unregistered one is a page", async (issuer) => {
      const { body, status } = await ask(issuer, { redirect_uri: `${redirectUri}/1234` })
      assert.strictEqual(status, 400)
      assert.include(body, "redirect_uri is not registered")
    })

    test("oidcc-redirect-uri-query: one with a query works when it is registered, and only whole", async (issuer) => {
      const whole = `${redirectUri}?tenant=1&x=`
      const fine = await browser().visit(authorizationUrl(issuer, "query", { redirect_uri: whole }))
      assert.isTrue(fine.url.searchParams.has("code"))
      assert.strictEqual(fine.url.searchParams.get("tenant"), "1")
      for (const redirect_uri of [
        `${redirectUri}?tenant=1`,
        `${redirectUri}?x=&tenant=1`,
        `${whole}&y=1`,
        redirectUri
      ]) {
        assert.strictEqual((await browser().visit(authorizationUrl(issuer, "query", { redirect_uri }))).status, 400)
      }
    })

    test("oidcc-ensure-post-request-succeeds: POST to the authorization endpoint", async (issuer) => {
      const landed = await browser().visit(`${issuer}/authorize`, {
        method: "POST",
        body: authorization("exempt", plain)
      })
      assert.strictEqual((await redeem(issuer, landed.url.searchParams.get("code"))).status, 200)
    })

    test("oidcc-server-client-secret-post: the registered method, and no other", async (issuer, running) => {
      await Effect.runPromise(
        running.putClient({
          clientId: "secret-post",
          secret,
          firstParty: true,
          dangerouslyAllowNoPkce: true,
          tokenEndpointAuthMethod: "client_secret_post"
        })
      )
      const landed = await browser().visit(authorizationUrl(issuer, "secret-post", plain))
      const form = new URLSearchParams({
        grant_type: "authorization_code",
        code: landed.url.searchParams.get("code")!,
        redirect_uri: redirectUri
      })
      const wrong = await fetch(`${issuer}/token`, { method: "POST", headers: basic("secret-post"), body: form })
      assert.strictEqual(await errorOf(wrong), "invalid_client")
      form.set("client_id", "secret-post")
      form.set("client_secret", secret)
      assert.strictEqual((await fetch(`${issuer}/token`, { method: "POST", body: form })).status, 200)
    })

    test("oidcc-unsigned-request-object-…-rejected-as-unsupported: request_not_supported", async (issuer) => {
      const { response } = await ask(issuer, { request: "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJleGVtcHQifQ." })
      assert.strictEqual(response.get("error"), "request_not_supported")
      assert.strictEqual(response.get("state"), "the-state")
    })

    test("oidcc-request-uri-unsigned-…-rejected-as-unsupported: request_uri_not_supported", async (issuer) => {
      const { response } = await ask(issuer, { request_uri: "https://client.example/request.jwt" })
      assert.strictEqual(response.get("error"), "request_uri_not_supported")
    })

    test("oidcc-claims-essential: an essential name is in userinfo, in the ID token when asked there", async (issuer) => {
      const essential = { name: { essential: true } }
      const there = await tokensOf(issuer, { claims: JSON.stringify({ userinfo: essential }) })
      assert.deepStrictEqual(await userinfo(issuer, bearer(there)), { sub: "alice", name: "Alice Liddell" })
      const here = await tokensOf(issuer, { claims: JSON.stringify({ id_token: essential }) })
      assert.strictEqual(payloadOf(here.id_token)["name"], "Alice Liddell")
      assert.deepStrictEqual(await userinfo(issuer, bearer(here)), { sub: "alice" })
      const unknown = await tokensOf(issuer, { claims: '{"userinfo":{"shoe_size":{"essential":true}}}' })
      assert.deepStrictEqual(await userinfo(issuer, bearer(unknown)), { sub: "alice" })
    })

    test("oidcc-refresh-token: offline_access refreshes, with an ID token of the same sub and no newer auth_time", async (issuer) => {
      const tokens = await tokensOf(issuer, { scope: "openid offline_access", prompt: "consent" })
      const answer = await refresh(issuer, "exempt", tokens.refresh_token)
      assert.strictEqual(answer.status, 200)
      const refreshed = (await answer.json()) as Tokens
      const [first, second] = [payloadOf(tokens.id_token), payloadOf(refreshed.id_token)]
      for (const claim of ["iss", "sub", "aud", "auth_time"]) assert.strictEqual(second[claim], first[claim], claim)
      assert.isAtLeast(second["iat"] as number, first["iat"] as number)
      assert.strictEqual((await userinfo(issuer, bearer(refreshed)))["sub"], "alice")
      const stranger = await refresh(issuer, "other", refreshed.refresh_token)
      assert.strictEqual(await errorOf(stranger), "invalid_grant")
    })

    test("oidcc-ensure-request-with-valid-pkce-succeeds: the exempt client may send PKCE, and is then held to it", async (issuer) => {
      const { code_challenge, code_challenge_method } = Object.fromEntries(authorization("exempt"))
      const { response } = await ask(issuer, { code_challenge, code_challenge_method })
      assert.strictEqual(await errorOf(await redeem(issuer, response.get("code"))), "invalid_grant")
    })

    test("oidcc-server-without-pkce: the exemption is the one client's; others are refused", async (issuer) => {
      assert.isTrue((await ask(issuer)).response.has("code"))
      const landed = await browser().visit(authorizationUrl(issuer, "first", plain))
      assert.strictEqual(landed.url.searchParams.get("error"), "invalid_request")
    })

    test("response_mode=form_post: the plan's form post variant", async (issuer) => {
      const landed = await browser().visit(authorizationUrl(issuer, "exempt", { ...plain, response_mode: "form_post" }))
      const { action, fields } = formOf(landed.body)!
      assert.strictEqual(action, redirectUri)
      assert.strictEqual(fields.get("state"), "the-state")
      assert.strictEqual((await redeem(issuer, fields.get("code"))).status, 200)
    })
  },
  { on: ["PostgreSQL"] }
)
