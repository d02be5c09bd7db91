/** The example's own process: openid-client brings it tokens, and an independent verifier judges the same ones. */
import { assert, layer } from "@effect/vitest"
import { MemoryStorage } from "@lockspire/core"
import { TestBrowser, TestIssuer } from "@lockspire/http/testing"
import { Effect } from "effect"
import express from "express"
import { auth, type JWTPayload } from "express-oauth2-jwt-bearer"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { fileURLToPath } from "node:url"
import * as client from "openid-client"

const redirectUri = "https://client.example/callback"
const secret = "a-secret-of-more-than-thirty-two-characters"

const freePort = async () => {
  const probe = createServer().listen(0, "localhost")
  await once(probe, "listening")
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}

const ports = { opaque: await freePort(), jwt: await freePort() }
const resourceAt = (port: number) => `http://localhost:${port}/api`
const scopes = ["notes:read", "notes:write"]

const Issuer = TestIssuer.layer(MemoryStorage.layer, {
  clients: [
    { clientId: "app", secret, firstParty: true },
    { clientId: "machine", secret, redirectUris: [], grantTypes: ["client_credentials"], responseTypes: [] },
    { clientId: "notes-api", secret, redirectUris: [], grantTypes: [], responseTypes: [] }
  ],
  resources: (["opaque", "jwt"] as const).map((accessTokenFormat) => ({
    identifier: resourceAt(ports[accessTokenFormat]),
    scopes,
    accessTokenFormat,
    introspectionClients: ["notes-api"]
  }))
})

/** The example as its own process, ended with the test. */
const example = (issuer: string, port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child: ChildProcess = spawn(process.execPath, [fileURLToPath(new URL("../main.ts", import.meta.url))], {
        env: {
          ...process.env,
          PORT: String(port),
          ISSUER: issuer,
          RESOURCE: resourceAt(port),
          CLIENT_SECRET: secret
        },
        stdio: ["ignore", "pipe", "inherit"]
      })
      await once(child.stdout!, "data")
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        child.kill("SIGTERM")
        await once(child, "exit")
      })
  )

const discover = (issuer: string, clientId: string) =>
  client.discovery(new URL(issuer), clientId, undefined, client.ClientSecretBasic(secret), {
    execute: [client.allowInsecureRequests]
  })

const signIn = async (config: client.Configuration, resource: string, scope: string) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const browser = new TestBrowser((url) => url.href.startsWith(redirectUri))
  const landed = await browser.approve(
    client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      resource,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: "a-state"
    })
  )
  return client.authorizationCodeGrant(config, landed, { pkceCodeVerifier, expectedState: "a-state" })
}

/** What the refused client learns from the challenge. */
const refused = async (request: Promise<Response>) => {
  const error = await request.then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason as client.WWWAuthenticateChallengeError
  )
  assert.instanceOf(error, client.WWWAuthenticateChallengeError)
  const parameters: Readonly<Record<string, string | undefined>> = { ...error.cause[0]!.parameters }
  return { status: error.status, parameters }
}

layer(Issuer, { timeout: "60 seconds", excludeTestServices: true })(
  "a notes API and its issuer, two processes",
  (it) => {
    for (const [format, port] of Object.entries(ports)) {
      const resource = resourceAt(port)
      const notes = new URL(`${resource}/notes`)

      it.effect(`openid-client reads and writes notes with ${format} tokens, as far as their scope goes`, () =>
        Effect.gen(function* () {
          const { issuer } = yield* TestIssuer.TestIssuer
          yield* example(issuer, port)
          yield* Effect.promise(async () => {
            const config = await discover(issuer, "app")
            const { access_token } = await signIn(config, resource, "openid notes:read notes:write")
            const add = await client.fetchProtectedResource(
              config,
              access_token,
              notes,
              "POST",
              JSON.stringify({ text: "milk" }),
              new Headers({ "content-type": "application/json" })
            )
            assert.deepStrictEqual(await add.json(), { subject: "alice", notes: ["milk"] })
            const list = await client.fetchProtectedResource(config, access_token, notes, "GET")
            assert.deepStrictEqual(await list.json(), { subject: "alice", notes: ["milk"] })
            const clear = await client.fetchProtectedResource(config, access_token, notes, "DELETE")
            assert.deepStrictEqual(await clear.json(), { subject: "alice", notes: [] })

            const reader = await signIn(config, resource, "openid notes:read")
            const challenge = await refused(client.fetchProtectedResource(config, reader.access_token, notes, "DELETE"))
            assert.strictEqual(challenge.status, 403)
            assert.strictEqual(challenge.parameters["error"], "insufficient_scope")
            assert.strictEqual(challenge.parameters["scope"], "notes:write")
          })
        }).pipe(Effect.scoped)
      )

      it.effect(`a machine adds notes with ${format} tokens, and cannot do what asks for a person`, () =>
        Effect.gen(function* () {
          const { issuer } = yield* TestIssuer.TestIssuer
          yield* example(issuer, port)
          yield* Effect.promise(async () => {
            const config = await discover(issuer, "machine")
            const tokens = await client.clientCredentialsGrant(config, { resource, scope: "notes:read notes:write" })
            const list = await client.fetchProtectedResource(config, tokens.access_token, notes, "GET")
            assert.deepStrictEqual(await list.json(), { subject: "machine", notes: [] })
            const challenge = await refused(client.fetchProtectedResource(config, tokens.access_token, notes, "DELETE"))
            assert.strictEqual(challenge.status, 401)
            assert.strictEqual(challenge.parameters["error"], "insufficient_user_authentication")
            assert.strictEqual(challenge.parameters["max_age"], "300")
          })
        }).pipe(Effect.scoped)
      )

      it.effect(
        `RFC 9449 §7.1: openid-client's ${format} tokens that are bound by DPoP are taken with their proof`,
        () =>
          Effect.gen(function* () {
            const { issuer } = yield* TestIssuer.TestIssuer
            yield* example(issuer, port)
            yield* Effect.promise(async () => {
              const config = await discover(issuer, "machine")
              const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
              const parameters = { resource, scope: "notes:read" }
              const { access_token, token_type } = await client.clientCredentialsGrant(config, parameters, { DPoP })
              assert.strictEqual(token_type, "dpop")
              const call = (handle?: client.DPoPHandle) =>
                client.fetchProtectedResource(
                  config,
                  access_token,
                  notes,
                  "GET",
                  undefined,
                  undefined,
                  handle === undefined ? {} : { DPoP: handle }
                )
              assert.deepStrictEqual(await (await call(DPoP)).json(), { subject: "machine", notes: [] })
              const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
              for (const handle of [undefined, other]) {
                const challenge = await refused(call(handle))
                assert.strictEqual(challenge.status, 401)
                assert.strictEqual(challenge.parameters["error"], "invalid_token")
                assert.include(challenge.parameters["algs"], "ES256")
              }
            })
          }).pipe(Effect.scoped)
      )

      it.effect(`RFC 9728 §5: with nothing but the URL of the ${format} API a client finds its issuer`, () =>
        Effect.gen(function* () {
          const { issuer } = yield* TestIssuer.TestIssuer
          yield* example(issuer, port)
          yield* Effect.promise(async () => {
            const answer = await fetch(notes)
            assert.strictEqual(answer.status, 401)
            const where = /resource_metadata="([^"]*)"/.exec(answer.headers.get("www-authenticate") ?? "")?.[1]
            const metadata = (await (await fetch(where!)).json()) as Record<string, unknown>
            assert.strictEqual(metadata["resource"], resource)
            assert.deepStrictEqual(metadata["authorization_servers"], [issuer])
            assert.deepStrictEqual(metadata["scopes_supported"], scopes)
          })
        }).pipe(Effect.scoped)
      )
    }

    it.effect("express-oauth2-jwt-bearer, strict as RFC 9068 is, takes and refuses the tokens that the API does", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        const resource = resourceAt(ports.jwt)
        yield* example(issuer, ports.jwt)
        yield* Effect.promise(async () => {
          let payload: JWTPayload | undefined
          const app = express()
          app.use(auth({ issuerBaseURL: issuer, audience: resource, strict: true }))
          app.get("/", (request, response) => {
            payload = request.auth?.payload
            response.sendStatus(200)
          })
          app.use(
            (error: { readonly status?: number }, _request: unknown, response: express.Response, _next: unknown) =>
              response.sendStatus(error.status ?? 500)
          )
          const server = app.listen(0, "localhost")
          await once(server, "listening")
          const { port } = server.address() as AddressInfo
          const config = await discover(issuer, "app")
          const machine = await discover(issuer, "machine")
          const good = await signIn(config, resource, "openid offline_access notes:read")
          const [header, body, signature] = good.access_token.split(".")
          const claims = JSON.parse(Buffer.from(body!, "base64url").toString()) as object
          const forged = Buffer.from(JSON.stringify({ ...claims, sub: "mallory" })).toString("base64url")
          const rows: ReadonlyArray<readonly [what: string, token: string, status: number]> = [
            ["a person's", good.access_token, 200],
            [
              "a machine's",
              (await client.clientCredentialsGrant(machine, { resource, scope: "notes:read" })).access_token,
              200
            ],
            ["a refreshed one", (await client.refreshTokenGrant(config, good.refresh_token!)).access_token, 200],
            ["an ID token", good.id_token!, 401],
            ["an opaque one", (await signIn(config, resourceAt(ports.opaque), "openid notes:read")).access_token, 401],
            ["a changed one", `${header}.${forged}.${signature}`, 401],
            ["one without a signature", `${header}.${body}.`, 401]
          ]
          for (const [what, token, status] of rows) {
            const headers = { authorization: `Bearer ${token}` }
            assert.strictEqual((await fetch(`${resource}/notes`, { headers })).status, status, `the API, ${what}`)
            const theirs = await fetch(`http://localhost:${port}/`, { headers })
            assert.strictEqual(theirs.status, status, `express-oauth2-jwt-bearer, ${what}`)
          }
          assert.strictEqual(payload?.iss, issuer)
          server.close()
          server.closeAllConnections()
        })
      }).pipe(Effect.scoped)
    )

    it.effect("what is no token, no note and no route of the API never makes it fault", () =>
      Effect.gen(function* () {
        const { issuer } = yield* TestIssuer.TestIssuer
        yield* example(issuer, ports.opaque)
        yield* Effect.promise(async () => {
          const resource = resourceAt(ports.opaque)
          const { access_token } = await signIn(await discover(issuer, "app"), resource, "openid notes:write")
          const tokens = [
            "",
            "x",
            "a.b.c",
            "a.b.c.d.e",
            "\u00ff",
            "=",
            access_token,
            `${access_token}.`,
            "a".repeat(9000)
          ]
          for (const token of tokens) {
            for (const body of ["", "{", "null", "[]", '{"text":""}', '{"text":1}', `{"text":"${"a".repeat(2000)}"}`]) {
              const { status } = await fetch(`${resource}/notes`, {
                method: "POST",
                headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
                body
              })
              assert.isTrue(status >= 400 && status < 500, `${token.slice(0, 20)} ${body.slice(0, 20)}: ${status}`)
            }
          }
          assert.strictEqual((await fetch(`${resource}/nothing`)).status, 404)
        })
      }).pipe(Effect.scoped)
    )
  }
)
