import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Client } from "../../src/client/Client.ts"
import { defaults, effective, type MessageSigning, type PolicySettings } from "../../src/issuer/Policy.ts"
import { everyRule, forbidsRotation, profileOfClient, rulesInForce } from "../../src/profile/inForce.ts"
import {
  demanding,
  demandingDpop,
  excluding,
  type Rule,
  type Rules,
  shortestRequestObject
} from "../../src/profile/Rule.ts"
import { aClient } from "../../src/testing/fixtures.ts"

const withMetadata = (metadata: Client["metadata"]): Client => aClient({ clientId: "one", metadata })
const idsOf = (rules: Rules) => rules.map(({ id }) => id)
const idsFor = (settings: PolicySettings, metadata?: Client["metadata"]) =>
  idsOf(rulesInForce(effective(settings), metadata === undefined ? undefined : withMetadata(metadata)))
const fapi = (ids: ReadonlyArray<string>) => ids.filter((id) => id.startsWith("fapi2-sp-"))
const signing = (ids: ReadonlyArray<string>) => ids.filter((id) => id.startsWith("fapi2-ms-"))
const everyFapi = fapi(idsOf(everyRule))

const parts = (...of: MessageSigning) => of

describe("the rules in force", () => {
  it("none where nothing was set", () => {
    assert.deepStrictEqual(idsFor({}), [])
    assert.deepStrictEqual(idsFor({}, {}), [])
    assert.deepStrictEqual(idsFor({ securityProfile: "none" }, { security_profile: "none" }), [])
  })

  it("of the server's profile for every client, of a client's own for it, and each once", () => {
    assert.deepStrictEqual(idsFor({ securityProfile: "fapi_2_0_security" }), everyFapi)
    assert.deepStrictEqual(idsFor({ securityProfile: "fapi_2_0_security" }, {}), everyFapi)
    assert.deepStrictEqual(idsFor({}, { security_profile: "fapi_2_0_security" }), everyFapi)
    const both = idsFor({ securityProfile: "fapi_2_0_security" }, { security_profile: "fapi_2_0_security" })
    assert.deepStrictEqual(both, everyFapi)
    const mixed = idsFor({ securityProfile: "mcp" }, { security_profile: "fapi_2_0_security" })
    assert.deepStrictEqual(mixed, ["mcp-pkce", "mcp-resource", "mcp-redirect-uri", ...everyFapi])
  })

  it("FAPI 2.0 Message Signing §5: of the parts that stand beside the profile, or all", () => {
    const profile = "fapi_2_0_message_signing"
    const all = ["fapi2-ms-requests", "fapi2-ms-request-lifetime", "fapi2-ms-responses", "fapi2-ms-introspection"]
    assert.deepStrictEqual(signing(idsFor({ securityProfile: profile })), all)
    assert.deepStrictEqual(signing(idsFor({ securityProfile: profile, messageSigning: ["responses"] })), [all[2]])
    assert.deepStrictEqual(signing(idsFor({ messageSigning: ["responses"] })), [])
    assert.deepStrictEqual(signing(idsFor({}, { security_profile: profile })), all)
    assert.deepStrictEqual(
      signing(idsFor({}, { security_profile: profile, message_signing: ["requests"] })),
      all.slice(0, 2)
    )
    assert.deepStrictEqual(signing(idsFor({}, { security_profile: profile, message_signing: [] })), all)
    // A word that is no part takes nothing away.
    for (const message_signing of [["unknown"], "requests", 7, null, [7]]) {
      assert.deepStrictEqual(signing(idsFor({}, { security_profile: profile, message_signing })), all)
    }
    assert.deepStrictEqual(
      signing(idsFor({}, { security_profile: profile, message_signing: ["unknown", "introspection"] })),
      [all[3]]
    )
    assert.deepStrictEqual(
      signing(
        idsFor(
          { securityProfile: profile, messageSigning: ["responses"] },
          { security_profile: profile, message_signing: ["introspection"] }
        )
      ),
      all.slice(2)
    )
  })

  it("of what an operator set apart from profiles, and of what the client registered", () => {
    for (const [settings, metadata, ids] of [
      [{ pushedAuthorizationRequests: "required" }, {}, ["policy-pushed-authorization-requests"]],
      [{ signedRequestObjects: "required" }, {}, ["policy-signed-request-objects"]],
      [{ dpop: "required" }, {}, ["policy-dpop"]],
      [{ dpop: "opportunistic" }, {}, ["policy-dpop"]],
      [{ dpop: "optional" }, {}, []],
      [{}, { require_pushed_authorization_requests: true }, ["client-require_pushed_authorization_requests"]],
      [{}, { require_pushed_authorization_requests: false }, []],
      [{}, { require_pushed_authorization_requests: "true" }, []],
      [{}, { require_signed_request_object: true }, ["client-require_signed_request_object"]],
      [{}, { dpop_bound_access_tokens: true }, ["client-dpop_bound_access_tokens"]],
      [{}, { dpop: "required" }, ["client-dpop"]],
      [{}, { dpop: "opportunistic" }, ["client-dpop"]],
      [{}, { dpop: "optional" }, []],
      [{}, { tls_client_certificate_bound_access_tokens: true }, ["client-tls_client_certificate_bound_access_tokens"]],
      [{ dpop: "required" }, { dpop: "opportunistic" }, ["policy-dpop", "client-dpop"]]
    ] as const) {
      assert.deepStrictEqual(idsFor(settings, metadata), ids as never, JSON.stringify([settings, metadata]))
    }
  })

  it("without those of profiles that the client is exempted from; of nothing else is there an exemption", () => {
    const exempt = { dangerously_exempt_from: ["fapi2-sp-pushed", "policy-dpop", "client-dpop", "unknown", 7] }
    const settings = { securityProfile: "fapi_2_0_security", dpop: "required" } as const
    const ids = idsFor(settings, { ...exempt, dpop: "required" })
    assert.deepStrictEqual(ids, [...everyFapi.filter((id) => id !== "fapi2-sp-pushed"), "policy-dpop", "client-dpop"])
    assert.deepStrictEqual(idsFor(settings), [...everyFapi, "policy-dpop"])
    for (const dangerously_exempt_from of ["fapi2-sp-pushed", { 0: "fapi2-sp-pushed" }, true]) {
      assert.deepStrictEqual(idsFor(settings, { dangerously_exempt_from }), [...everyFapi, "policy-dpop"])
    }
  })

  it("a name that every object has is no setting", () => {
    const client = withMetadata({})
    assert.strictEqual(profileOfClient(client), "none")
    assert.strictEqual(profileOfClient(withMetadata({ security_profile: "constructor" })), "none")
    assert.deepStrictEqual(idsOf(rulesInForce(defaults, client)), [])
  })

  it("FAPI 2.0 Security Profile §5.3.2.1 no. 9: whichever names FAPI, refresh tokens are not rotated", () => {
    for (const [settings, metadata, expected] of [
      [{}, {}, false],
      [{ securityProfile: "mcp" }, {}, false],
      [{ securityProfile: "fapi_2_0_security" }, {}, true],
      [{ securityProfile: "fapi_2_0_message_signing" }, {}, true],
      [{}, { security_profile: "fapi_2_0_security" }, true],
      [{ securityProfile: "mcp" }, { security_profile: "fapi_2_0_message_signing" }, true]
    ] as const) {
      assert.strictEqual(forbidsRotation(effective(settings), withMetadata(metadata)), expected)
    }
  })
})

describe("what rules demand", () => {
  const rule = (restricts: Rule["restricts"]): Rule => ({ id: "a", section: "b", demands: "c", restricts })

  it("flags and lists: one rule is enough, and each list has to have the value", () => {
    const rules = [rule({}), rule({ pushedRequest: true }), rule({ signingAlgorithms: ["ES256", "PS256"] })]
    assert.strictEqual(demanding(rules, "pushedRequest"), rules[1])
    assert.isUndefined(demanding(rules, "signedRequest"))
    assert.isUndefined(excluding(rules, "signingAlgorithms", "ES256"))
    assert.strictEqual(excluding(rules, "signingAlgorithms", "RS256"), rules[2])
    const narrower = [...rules, rule({ signingAlgorithms: ["ES256"] })]
    assert.strictEqual(excluding(narrower, "signingAlgorithms", "PS256"), narrower[3])
    assert.isUndefined(excluding(rules, "clientAuthentication", "none"))
    assert.isDefined(excluding([rule({ clientAuthentication: [] })], "clientAuthentication", "none"))
  })

  it("RFC 9449 §5: required asks for all that opportunistic does; a proof alone binds no grant", () => {
    const required = [rule({ dpop: "required" })]
    const opportunistic = [rule({ dpop: "opportunistic" })]
    const proof = [rule({ dpopProof: true })]
    const demands = (rules: Rules) => [
      demandingDpop(rules, "required") !== undefined,
      demandingDpop(rules, "opportunistic") !== undefined,
      demanding(rules, "dpopProof") !== undefined
    ]
    assert.deepStrictEqual(demands(required), [true, true, false])
    assert.deepStrictEqual(demands(opportunistic), [false, true, false])
    assert.deepStrictEqual(demands(proof), [false, false, true])
    assert.deepStrictEqual(demands([]), [false, false, false])
  })

  it("FAPI 2.0 Message Signing §5.3.1: the shortest time of all counts", () => {
    const rules = [rule({ requestObjectSeconds: 60 }), rule({ requestObjectSeconds: 30 }), rule({})]
    assert.strictEqual(shortestRequestObject(rules)?.seconds, 30)
    assert.isUndefined(shortestRequestObject([rule({})]))
  })
})

const profile = Schema.Literals(["none", "mcp", "fapi_2_0_security", "fapi_2_0_message_signing"])
const chosen = Schema.Array(Schema.Literals(["requests", "responses", "introspection"])).check(Schema.isMaxLength(3))
const demand = Schema.Literals(["required", "optional"])
const dpop = Schema.Literals(["required", "opportunistic", "optional"])
const Settings = Schema.Struct({
  securityProfile: Schema.optionalKey(profile),
  messageSigning: Schema.optionalKey(chosen),
  pushedAuthorizationRequests: Schema.optionalKey(demand),
  signedRequestObjects: Schema.optionalKey(demand),
  dpop: Schema.optionalKey(dpop)
})
const Metadata = Schema.Struct({
  security_profile: Schema.optionalKey(profile),
  message_signing: Schema.optionalKey(chosen),
  require_pushed_authorization_requests: Schema.optionalKey(Schema.Boolean),
  require_signed_request_object: Schema.optionalKey(Schema.Boolean),
  dpop_bound_access_tokens: Schema.optionalKey(Schema.Boolean),
  dpop: Schema.optionalKey(dpop),
  tls_client_certificate_bound_access_tokens: Schema.optionalKey(Schema.Boolean),
  dangerously_exempt_from: Schema.optionalKey(
    Schema.Array(Schema.Literals([everyRule[0]!.id, everyRule[5]!.id, "policy-dpop"])).check(Schema.isMaxLength(3))
  )
})

/** Everything that a set of rules asks for, in a form in which more is a superset. */
const demandsOf = (rules: Rules): ReadonlySet<string> =>
  new Set(
    rules.flatMap(({ restricts }) =>
      Object.entries(restricts).flatMap(([name, value]) => [
        `${name} ${JSON.stringify(value)}`,
        ...(name === "dpop" && value === "required" ? [`dpop "opportunistic"`] : [])
      ])
    )
  )

const lacking = (stricter: Rules, laxer: Rules) => {
  const has = demandsOf(stricter)
  return [...demandsOf(laxer)].filter((one) => !has.has(one))
}

describe("adding a restriction", () => {
  it.effect.prop(
    "never takes one away: another layer of settings, whatever it says, of the server",
    [Settings, Settings, Metadata],
    ([before, added, metadata]) =>
      Effect.sync(() => {
        for (const client of [undefined, withMetadata(metadata)]) {
          const laxer = rulesInForce(effective(before), client)
          const stricter = rulesInForce(effective(before, added), client)
          assert.deepStrictEqual(lacking(stricter, laxer), [])
          // Whichever of the two stands first.
          assert.deepStrictEqual(lacking(rulesInForce(effective(added, before), client), laxer), [])
        }
      })
  )

  it.effect.prop(
    "never takes one away: a field of a client that had none",
    [Settings, Metadata, Metadata],
    ([settings, metadata, added]) =>
      Effect.sync(() => {
        const policy = effective(settings)
        const { dangerously_exempt_from: _exempt, message_signing: _parts, ...more } = added
        // What is stated already stays as it is: only what is new is added.
        const client = withMetadata(metadata)
        const stricter = withMetadata({ ...more, ...metadata })
        assert.deepStrictEqual(lacking(rulesInForce(policy, stricter), rulesInForce(policy, client)), [])
        // And the rules of the server hold for every client that is not exempted from one.
        const { dangerously_exempt_from: _, ...bound } = metadata
        const ofClient = rulesInForce(policy, withMetadata(bound))
        assert.deepStrictEqual(lacking(ofClient, rulesInForce(policy, undefined)), [])
      })
  )

  it.effect.prop(
    "an exemption takes away what it names, and nothing else",
    [Settings, Metadata],
    ([settings, metadata]) =>
      Effect.sync(() => {
        const policy = effective(settings)
        const { dangerously_exempt_from: exempt = [], ...bound } = metadata
        const without = idsOf(rulesInForce(policy, withMetadata(metadata)))
        const all = idsOf(rulesInForce(policy, withMetadata(bound)))
        const gone = all.filter((id) => !without.includes(id))
        assert.isTrue(gone.every((id) => id !== "policy-dpop" && exempt.some((one) => one === id)))
      })
  )

  it("a client's parts of Message Signing are added to the server's", () => {
    for (const of of [parts("requests"), parts("responses"), parts()]) {
      const server = { securityProfile: "fapi_2_0_message_signing", messageSigning: of } as const
      const policy = effective(server)
      const client = withMetadata({ security_profile: "fapi_2_0_message_signing", message_signing: ["introspection"] })
      assert.deepStrictEqual(lacking(rulesInForce(policy, client), rulesInForce(policy, undefined)), [])
    }
  })
})
