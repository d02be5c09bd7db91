/** What `lockspire dev` brings along: people, a client, and an API, so that there is something to look at. */
import { Crypto, Profile } from "@lockspire/core"
import type { Seed } from "@lockspire/admin"
import { Base64Url } from "effect/encoding"
import { Effect, Redacted } from "effect"

export const clientId = "demo"
export const apiClientId = "demo-api"

/**
 * The API's secret, derived from the key-encryption key: several processes on one database, which share that key, agree
 * on it, and it is written nowhere.
 */
export const apiSecret = Effect.fnUntraced(function* (keyEncryptionKey: Redacted.Redacted<Uint8Array>) {
  const { derive } = yield* Crypto.Crypto
  const bytes = yield* derive(Redacted.value(keyEncryptionKey), "lockspire dev: client secret of demo-api")
  return Redacted.make(Base64Url.encode(bytes))
})

/** A demo client is none that a profile allows; so that it works beside clients that are held to one. */
const exemptions = Profile.everyRule.map(({ id }) => id)

const accounts = [
  { username: "demo", password: "demo" },
  { username: "sam", password: "sam" }
]

export const seed = (demoUrl: string, secret: Redacted.Redacted): Seed => ({
  accounts: [
    {
      ...accounts[0]!,
      subject: "demo",
      claims: {
        name: "Dana Emory",
        given_name: "Dana",
        family_name: "Emory",
        middle_name: "Quinn",
        nickname: "Dee",
        preferred_username: "demo",
        profile: "https://example.com/people/demo",
        picture: "https://example.com/people/demo.png",
        website: "https://example.com/",
        gender: "female",
        birthdate: "1990-04-01",
        zoneinfo: "Europe/Berlin",
        locale: "en-GB",
        updated_at: 1_760_000_000,
        email: "demo@example.com",
        email_verified: true,
        address: {
          formatted: "1 Example Street\n10115 Berlin\nGermany",
          street_address: "1 Example Street",
          locality: "Berlin",
          region: "Berlin",
          postal_code: "10115",
          country: "Germany"
        },
        phone_number: "+49 30 5550100",
        phone_number_verified: true
      }
    },
    {
      ...accounts[1]!,
      subject: "sam",
      claims: {
        name: "Sam Okafor",
        given_name: "Sam",
        family_name: "Okafor",
        preferred_username: "sam",
        zoneinfo: "Africa/Lagos",
        locale: "en-NG",
        updated_at: 1_760_000_000,
        email: "sam@example.com",
        email_verified: false
      }
    }
  ],
  clients: [
    {
      client_id: clientId,
      client_name: "Lockspire demo",
      client_uri: demoUrl,
      redirect_uris: [`${demoUrl}/callback`],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      // FAPI 2.0 Security Profile §5.4.1: of an issuer in that profile clients expect no RS256.
      id_token_signed_response_alg: "ES256",
      dangerously_exempt_from: exemptions
    },
    {
      client_id: apiClientId,
      client_secret: Redacted.value(secret),
      client_name: "Lockspire demo API, a resource server",
      grant_types: [],
      response_types: [],
      introspect_all_tokens: true,
      dangerously_exempt_from: exemptions
    }
  ]
})

/** The demo's entries that the developer's own seed does not speak about: theirs win, at every start alike. */
export const without = (demo: Seed, own: Seed): Seed => {
  const clients = new Set((own.clients ?? []).map((client) => client.client_id))
  const names = new Set((own.accounts ?? []).flatMap(({ subject, username }) => [username, subject ?? username]))
  return {
    accounts: (demo.accounts ?? []).filter((account) => !names.has(account.username)),
    clients: (demo.clients ?? []).filter((client) => !clients.has(client.client_id))
  }
}
