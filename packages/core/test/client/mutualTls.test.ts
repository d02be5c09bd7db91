import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Base64 } from "effect/encoding"
import { TestClock } from "effect/testing"
import { authenticate } from "../../src/client/authenticate.ts"
import * as Certificate from "../../src/client/Certificate.ts"
import type { Client } from "../../src/client/Client.ts"
import { Crypto } from "../../src/crypto/Crypto.ts"
import * as DistinguishedName from "../../src/client/DistinguishedName.ts"
import { makeCertificate, nameOf, sequence, type Subject, tlv, utf8String } from "../../src/testing/Certificates.ts"
import { aClient, aPublicClient, form, register, testSecret } from "../../src/testing/fixtures.ts"
import * as Server from "../../src/testing/TestServer.ts"
import { refuses } from "../support.ts"

const cn = "2.5.4.3"
const o = "2.5.4.10"
const c = "2.5.4.6"
const subject: Subject = [
  [c, "DE"],
  [o, "Example, Inc."],
  [cn, "client one"]
]
const names = {
  dns: "client.example",
  uri: "https://client.example/id?x=1",
  email: "Ops@client.example",
  ip: Uint8Array.of(192, 0, 2, 7)
}

/** A request over a connection with this certificate. */
const come = (client: Client, der: Uint8Array | undefined, isChainTrusted = true, secret?: string) =>
  authenticate(form({ client_id: client.clientId, client_secret: secret }), {
    authorization: undefined,
    certificate: der && { der, isChainTrusted }
  })

const byAuthority = (metadata: Client["metadata"]) =>
  register(aClient({ tokenEndpointAuthMethod: "tls_client_auth", metadata }))
const bySelf = (metadata: Client["metadata"]) =>
  register(aClient({ tokenEndpointAuthMethod: "self_signed_tls_client_auth", metadata }))

const accepts = <E, R>(attempt: Effect.Effect<Client, E, R>, client: Client) =>
  Effect.map(attempt, (found) => assert.strictEqual(found.clientId, client.clientId))

layer(Server.layer())("mutual-TLS client authentication", (it) => {
  it.effect("RFC 8705 §2.1.2: the subject in each of its five forms, and no other subject", () =>
    Effect.gen(function* () {
      const { der } = yield* makeCertificate({ subject, names })
      const rows: ReadonlyArray<readonly [field: string, right: ReadonlyArray<string>, wrong: ReadonlyArray<string>]> =
        [
          [
            "tls_client_auth_subject_dn",
            ["CN=client one,O=Example\\, Inc.,C=DE", "cn=Client  One, o=Example\\2c Inc., c=de"],
            [
              "CN=client one",
              "C=DE,O=Example\\, Inc.,CN=client one",
              "CN=client two,O=Example\\, Inc.,C=DE",
              "",
              "client one"
            ]
          ],
          [
            "tls_client_auth_san_dns",
            ["client.example", "CLIENT.example"],
            ["example", "*.example", "a.client.example"]
          ],
          ["tls_client_auth_san_uri", [names.uri], ["https://client.example/id", names.uri.toUpperCase()]],
          ["tls_client_auth_san_ip", ["192.0.2.7"], ["192.0.2.8", "::ffff:192.0.2.7", "192.0.2.07", "x"]],
          [
            "tls_client_auth_san_email",
            ["Ops@client.example", "Ops@CLIENT.example"],
            ["ops@client.example", "client.example"]
          ]
        ]
      for (const [field, right, wrong] of rows) {
        for (const value of right) {
          const client = yield* byAuthority({ [field]: value })
          yield* accepts(come(client, der), client)
        }
        for (const value of wrong) {
          const client = yield* byAuthority({ [field]: value })
          yield* refuses(come(client, der), "InvalidClient CertificateSubjectMismatch")
        }
      }
    })
  )

  it.effect("RFC 8705 §2.1.2: an IPv6 address in whichever form it is written", () =>
    Effect.gen(function* () {
      const ip = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
      const { der } = yield* makeCertificate({ subject, names: { ip } })
      for (const address of ["2001:db8::1", "2001:DB8:0:0::0001"]) {
        const client = yield* byAuthority({ tls_client_auth_san_ip: address })
        yield* accepts(come(client, der), client)
      }
    })
  )

  it.effect("RFC 8705 §2.1.2: exactly one field; a client with two, or none, is nobody", () =>
    Effect.gen(function* () {
      const { der } = yield* makeCertificate({ subject, names })
      const two = yield* byAuthority({ tls_client_auth_san_dns: names.dns, tls_client_auth_san_uri: names.uri })
      yield* refuses(come(two, der), "InvalidClient CertificateSubjectMismatch")
      yield* refuses(come(yield* byAuthority({}), der), "InvalidClient CertificateSubjectMismatch")
    })
  )

  it.effect("RFC 8705 §2.1: the chain is trusted, the certificate valid now, and there", () =>
    Effect.gen(function* () {
      const client = yield* byAuthority({ tls_client_auth_san_dns: names.dns })
      const { der } = yield* makeCertificate({ subject, names })
      yield* refuses(come(client, der, false), "InvalidClient CertificateNotTrusted")
      yield* refuses(come(client, undefined), "InvalidClient CertificateMissing")
      yield* refuses(come(client, Uint8Array.of(0x30, 0)), "InvalidClient CertificateMalformed")
      yield* TestClock.setTime(1_800_000_000_000)
      const ended = yield* makeCertificate({ subject, names, notAfter: "270101000000Z" })
      yield* refuses(come(client, ended.der), "InvalidClient CertificateExpired")
      const later = yield* makeCertificate({ subject, names, notBefore: "290101000000Z" })
      yield* refuses(come(client, later.der), "InvalidClient CertificateExpired")
      yield* accepts(come(client, der), client)
    })
  )

  it.effect("RFC 8705 §2.2: a self-signed certificate is the registered one to the last bit", () =>
    Effect.gen(function* () {
      const { der, jwk } = yield* makeCertificate({ subject })
      const renewed = yield* makeCertificate({ subject })
      const client = yield* bySelf({ jwks: { keys: [renewed.jwk, jwk] } })
      yield* accepts(come(client, der, false), client)
      yield* accepts(come(client, renewed.der, false), client)
      const another = yield* makeCertificate({ subject })
      yield* refuses(come(client, another.der), "InvalidClient CertificateNotRegistered")
      yield* refuses(come(client, undefined), "InvalidClient CertificateMissing")

      const thumbprint = yield* Crypto.use((crypto) => crypto.sha256(der))
      const { x5c: _, ...bare } = jwk
      const byThumbprint = yield* bySelf({ jwks: { keys: [{ ...bare, "x5t#S256": thumbprint }] } })
      yield* accepts(come(byThumbprint, der, false), byThumbprint)
      yield* refuses(come(byThumbprint, renewed.der), "InvalidClient CertificateNotRegistered")
      const keyAlone = yield* bySelf({ jwks: { keys: [bare] } })
      yield* refuses(come(keyAlone, der), "InvalidClient CertificateNotRegistered")
      // Only the first certificate of a chain is the key's own.
      const second = yield* bySelf({
        jwks: { keys: [{ ...bare, x5c: [Base64.encode(another.der), Base64.encode(der)] }] }
      })
      yield* refuses(come(second, der), "InvalidClient CertificateNotRegistered")
    })
  )

  it.effect("RFC 6749 §2.3: a certificate replaces no registered method, and no secret replaces a certificate", () =>
    Effect.gen(function* () {
      const { der, jwk } = yield* makeCertificate({ subject })
      const keys = { jwks: { keys: [jwk] } }
      const post = yield* register(aClient({ tokenEndpointAuthMethod: "client_secret_post", metadata: keys }))
      yield* refuses(come(post, der), "InvalidClient MethodNotRegistered")
      yield* accepts(come(post, der, true, testSecret), post)
      const none = yield* register(aPublicClient({ metadata: keys }))
      yield* accepts(come(none, der), none)
      const client = yield* bySelf(keys)
      yield* refuses(come(client, der, true, testSecret), "InvalidClient MethodNotRegistered")
    })
  )
})

describe("certificates", () => {
  it.effect("RFC 5280 §4.1: every shortened or lengthened certificate is none", () =>
    Effect.gen(function* () {
      const { der } = yield* makeCertificate({ subject, names })
      assert.isDefined(Certificate.parse(der))
      for (let length = 0; length < der.length; length++) assert.isUndefined(Certificate.parse(der.subarray(0, length)))
      assert.isUndefined(Certificate.parse(Uint8Array.from([...der, 0])))
    })
  )

  it.effect("whatever bit of a certificate is flipped, it is read or refused, and nothing breaks", () =>
    Effect.gen(function* () {
      const { der } = yield* makeCertificate({ subject, names })
      for (let at = 0; at < der.length * 8; at++) {
        const flipped = Uint8Array.from(der)
        flipped[at >> 3]! ^= 1 << (at & 7)
        Certificate.parse(flipped)
      }
    })
  )

  it.effect("a name with a NUL in it is no name: what one reader ends there another reads on", () =>
    Effect.gen(function* () {
      const { der } = yield* makeCertificate({ subject, names: { dns: "client.example\0.attacker.example" } })
      assert.isUndefined(Certificate.parse(der))
    })
  )

  const rows: ReadonlyArray<readonly [text: string, subject: Subject, isSame: boolean]> = [
    ["CN=a", [[cn, "a"]], true],
    ["2.5.4.3=a", [[cn, "a"]], true],
    ["CN=A  b", [[cn, "a b"]], true],
    ["CN=\\ a\\ ", [[cn, "a"]], true],
    ["CN=Z\\C3\\BCrich", [[cn, "Zürich"]], true],
    ["CN=Zürich", [[cn, "Zürich"]], true],
    ["CN=a\\+b", [[cn, "a+b"]], true],
    ["CN=#0C0161", [[cn, "a"]], true],
    ["CN=#0C0162", [[cn, "a"]], false],
    ["CN=#0C01", [[cn, "a"]], false],
    ["CN=a", [[cn, tlv(0x13, new TextEncoder().encode("a"))]], true],
    ["CN=a", [[cn, tlv(0x1e, Uint8Array.of(0, 0x61))]], true],
    ["CN=a", [[cn, tlv(0x0c, Uint8Array.of(0xff))]], false],
    ["CN=a", [[o, "a"]], false],
    [
      "CN=a,O=b",
      [
        [o, "b"],
        [cn, "a"]
      ],
      true
    ],
    [
      "CN=a,O=b",
      [
        [cn, "a"],
        [o, "b"]
      ],
      false
    ],
    ["CN=a,O=b", [[cn, "a"]], false],
    [
      "CN=a",
      [
        [o, "b"],
        [cn, "a"]
      ],
      false
    ],
    ["", [], false],
    ["CN=a,", [[cn, "a"]], false],
    [
      "CN=a;O=b",
      [
        [o, "b"],
        [cn, "a"]
      ],
      false
    ],
    ["UNKNOWN=a", [[cn, "a"]], false],
    ["CN=a\\", [[cn, "a"]], false],
    ["CN=\\FF", [[cn, "\u{fffd}"]], false]
  ]
  it.effect.each(rows.map(([text, subject, isSame]) => ({ text, subject, isSame })))(
    "RFC 4514 §3: $text",
    ({ isSame, subject, text }) =>
      Effect.gen(function* () {
        const certificate = Certificate.parse((yield* makeCertificate({ subject })).der)!
        assert.strictEqual(DistinguishedName.matches(text, certificate.subject), isSame)
      })
  )

  it("RFC 4514 §2.2: the attributes of one relative name come in any order, none left over", () => {
    const attribute = (type: ReadonlyArray<number>, value: string) =>
      sequence(tlv(0x06, Uint8Array.from(type)), utf8String(value))
    assert.isDefined(nameOf(subject))
    const name = [
      [
        { type: cn, text: "a", der: attribute([0x55, 4, 3], "a") },
        { type: o, text: "b", der: attribute([0x55, 4, 10], "b") }
      ]
    ]
    assert.isTrue(DistinguishedName.matches("CN=a+O=b", name))
    assert.isTrue(DistinguishedName.matches("O=b+CN=a", name))
    for (const text of ["CN=a", "CN=a,O=b", "CN=a+CN=a", "CN=a+O=c", "CN=a+O=b+C=d"]) {
      assert.isFalse(DistinguishedName.matches(text, name), text)
    }
  })
})
