import { assert, layer } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { Client } from "../../src/client/Client.ts"
import { ClientStore } from "../../src/client/ClientStore.ts"
import { introspect } from "../../src/introspection/introspect.ts"
import { aClient, aPublicClient, aResource, form, register, testIssuer } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { payloadOf, refuses } from "../support.ts"

const api = aResource({ identifier: "https://api.example", scopes: ["api.read", "api.write"] })
const mail = aResource({ identifier: "https://mail.example", scopes: ["mail.send"], accessTokenFormat: "jwt" })

const aMachine = (stated: Partial<Client> = {}) => register(aClient({ grantTypes: ["client_credentials"], ...stated }))

const request = (client: Client, members: Record<string, string | ReadonlyArray<string>> = {}) =>
  Server.requestToken(client, { grant_type: "client_credentials", ...members })

const seen = Effect.fnUntraced(function* (client: Client, token: string) {
  const { header, parameters } = Server.credentialsOf(client)
  return yield* introspect(form({ ...parameters, token }), header)
})

layer(Server.layer({ resources: [api, mail] }))("the client_credentials grant", (it) => {
  it.effect("RFC 6749 §4.4.3: an access token, and no refresh token or ID token", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      const response = yield* request(client, { scope: "api.read" })
      assert.deepStrictEqual(Object.keys(response), ["access_token", "token_type", "expires_in", "scope"])
      assert.strictEqual(response.expires_in, 600)
      assert.strictEqual(response.scope, "api.read")
    })
  )

  it.effect("RFC 6749 §3.3: a scope of which nothing is left at the resource is refused, part of it is said", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      yield* refuses(request(client, { scope: "api.read", resource: mail.identifier }), "InvalidScope ScopeNotAllowed")
      const part = yield* request(client, { scope: "api.read mail.send", resource: mail.identifier })
      assert.strictEqual(part.scope, "mail.send")
      assert.notProperty(yield* request(client, { resource: mail.identifier }), "scope")
    })
  )

  it.effect("RFC 9068 §2.2: the subject of the token is the client itself, and no sign-in is claimed", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      const opaque = yield* request(client, { scope: "api.read", resource: api.identifier })
      const state = yield* seen(client, opaque.access_token)
      assert.deepInclude(state, { active: true, sub: client.clientId, client_id: client.clientId, aud: api.identifier })
      const jwt = payloadOf((yield* request(client, { resource: mail.identifier })).access_token)
      assert.strictEqual(jwt["sub"], client.clientId)
      assert.strictEqual(jwt["client_id"], client.clientId)
      for (const absent of ["auth_time", "acr", "amr", "sid"]) assert.notProperty(jwt, absent)
    })
  )

  it.effect("RFC 6749 §3.3: scope values of resources that the client is registered for, and no others", () =>
    Effect.gen(function* () {
      const anything = yield* aMachine()
      const registered = yield* aMachine({ scope: ["openid", "offline_access", "api.read", "unknown"] })
      assert.strictEqual((yield* request(anything, { scope: "api.write mail.send" })).scope, "api.write mail.send")
      assert.notProperty(yield* request(anything), "scope")
      assert.strictEqual((yield* request(registered)).scope, "api.read")
      for (const scope of ["openid", "offline_access", "profile", "api.read openid", "api.write", "unknown"]) {
        yield* refuses(request(registered, { scope }), "InvalidScope ScopeNotAllowed")
      }
      for (const scope of ["openid", "offline_access", "email", "unknown"]) {
        yield* refuses(request(anything, { scope }), "InvalidScope ScopeNotAllowed")
      }
      yield* refuses(request(anything, { scope: 'a"b' }), "InvalidScope ScopeMalformed")
    })
  )

  it.effect("RFC 8707 §2.2: registered resources, whose scope values alone the token carries", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      const response = yield* request(client, { scope: "api.read mail.send", resource: api.identifier })
      assert.strictEqual(response.scope, "api.read")
      for (const [resource, reason] of [
        ["https://unknown.example", "ResourceUnknown"],
        ["api", "ResourceMalformed"],
        [`${api.identifier}#fragment`, "ResourceMalformed"],
        [[api.identifier, "https://unknown.example"], "ResourceUnknown"]
      ] as const) {
        yield* refuses(request(client, { resource }), `InvalidTarget ${reason} resource`)
      }
    })
  )

  it.effect("RFC 6749 §4.4: a public client gets none, nor one that is not registered for the grant", () =>
    Effect.gen(function* () {
      const open = yield* register(aPublicClient({ grantTypes: ["client_credentials"] }))
      yield* refuses(request(open), "UnauthorizedClient PublicClient")
      const web = yield* register(aClient())
      yield* refuses(request(web), "UnauthorizedClient GrantTypeNotRegistered")
    })
  )

  it.effect("the token dies at its time, and with its client", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      const observer = yield* register(aClient({ introspectAllTokens: true }))
      const first = yield* request(client)
      yield* TestClock.adjust("599999 millis")
      assert.isTrue((yield* seen(observer, first.access_token)).active)
      yield* TestClock.adjust("1 millis")
      assert.isFalse((yield* seen(observer, first.access_token)).active)
      const second = yield* request(client)
      yield* ClientStore.use((clients) => clients.put({ ...client, disabled: true }))
      assert.isFalse((yield* seen(observer, second.access_token)).active)
      yield* refuses(request(client), "InvalidClient ClientDisabled")
    })
  )

  it.effect("issuing is audited as the client's, at that moment", () =>
    Effect.gen(function* () {
      const client = yield* aMachine()
      yield* request(client)
      const [event] = yield* AuditLog.use((log) => log.latest(testIssuer, 1))
      assert.strictEqual(event!.action, "access_token.issued")
      assert.deepStrictEqual(event!.actor, { type: "client", id: client.clientId })
      assert.strictEqual(event!.at.epochMilliseconds, (yield* DateTime.now).epochMilliseconds)
    })
  )
})
