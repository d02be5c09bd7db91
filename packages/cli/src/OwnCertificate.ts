/**
 * `lockspire dev --tls`: a certification authority, and a certificate of it for the issuer's host name, kept in the data
 * folder until they expire.
 *
 *     tls/<host>/ca.pem      for NODE_EXTRA_CA_CERTS and browsers
 *     tls/<host>/cert.pem
 *     tls/<host>/key.pem     0600
 *
 * The authority's private key is forgotten as soon as it has signed: whoever trusts `ca.pem` trusts this one certificate.
 */
import type { webcrypto } from "node:crypto"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { DateTime, Effect } from "effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { type CommandFailed, failed } from "./CommandFailed.ts"

export interface OwnCertificate {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Days that both are valid: no client takes a server's certificate for much longer than a year. */
const lifetime = 397
/** Days before the end from which a start makes new ones. */
const margin = 7

const isAddress = (host: string) => net.isIP(host) !== 0

/** Names and addresses of the machine itself are served in any case. */
const namesOf = (host: string) => {
  const dns = [...new Set([...(isAddress(host) ? [] : [host]), "localhost"])]
  const ip = [...new Set([...(isAddress(host) ? [host] : []), "127.0.0.1", "::1"])]
  return [
    ...dns.map((value) => ({ type: "dns" as const, value })),
    ...ip.map((value) => ({ type: "ip" as const, value }))
  ]
}

const pemOf = (label: string, der: ArrayBuffer) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString("base64")
    .replaceAll(/.{64}(?!$)/g, "$&\n")}\n-----END ${label}-----\n`

/** New ones for a host name or an address. The library is loaded only here: no other command needs it. */
export const make = (host: string): Effect.Effect<OwnCertificate> =>
  Effect.flatMap(DateTime.nowAsDate, (now) =>
    Effect.promise(async () => {
      await import("reflect-metadata")
      const x509 = await import("@peculiar/x509")
      const { subtle } = globalThis.crypto
      const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
      const usages: Array<webcrypto.KeyUsage> = ["sign", "verify"]
      const authority = await subtle.generateKey(algorithm, false, usages)
      const own = await subtle.generateKey(algorithm, true, usages)
      const validity = {
        // A clock that goes a little behind takes it too.
        notBefore: new Date(now.getTime() - 3_600_000),
        notAfter: new Date(now.getTime() + lifetime * 86_400_000),
        signingAlgorithm: algorithm
      }
      const name = `CN=Lockspire development CA for ${host}`
      const { KeyUsageFlags } = x509
      const ca = await x509.X509CertificateGenerator.createSelfSigned({
        ...validity,
        name,
        keys: authority,
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(authority.publicKey)
        ]
      })
      const cert = await x509.X509CertificateGenerator.create({
        ...validity,
        subject: `CN=${host}`,
        issuer: name,
        publicKey: own.publicKey,
        signingKey: authority.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(namesOf(host)),
          await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
          await x509.SubjectKeyIdentifierExtension.create(own.publicKey)
        ]
      })
      return {
        ca: `${ca.toString("pem")}\n`,
        cert: `${cert.toString("pem")}\n`,
        key: pemOf("PRIVATE KEY", await subtle.exportKey("pkcs8", own.privateKey))
      }
    })
  )

/** The files of a folder, while they belong together and are valid for some days more. */
const kept = (folder: string, host: string, now: DateTime.Utc): OwnCertificate | undefined => {
  try {
    const read = (name: string) => fs.readFileSync(path.join(folder, name), "utf8")
    const pems = { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") }
    const [ca, cert] = [new X509Certificate(pems.ca), new X509Certificate(pems.cert)]
    const isOurs =
      cert.verify(ca.publicKey) &&
      cert.checkPrivateKey(createPrivateKey(pems.key)) &&
      (isAddress(host) ? cert.checkIP(host) : cert.checkHost(host)) !== undefined
    const isLasting = cert.validToDate.getTime() - now.epochMilliseconds > margin * 86_400_000
    return isOurs && isLasting ? pems : undefined
  } catch {
    return undefined
  }
}

const files = <A>(folder: string, act: () => A): Effect.Effect<A, CommandFailed> =>
  Effect.try({
    try: act,
    catch: (error) => failed(`The folder ${folder} cannot be used (${(error as NodeJS.ErrnoException).code}).`)
  })

/** The ones in the data folder, made where there are none that still count; and where the authority's file is. */
export const inDataDirectory = Effect.fnUntraced(function* (dataDir: string, host: string) {
  const folder = path.resolve(dataDir, "tls", host.replaceAll(/[^a-z0-9.-]/gi, "_"))
  const caFile = path.join(folder, "ca.pem")
  const found = kept(folder, host, yield* DateTime.now)
  if (found !== undefined) return { ...found, caFile }
  const made = yield* make(host)
  yield* files(folder, () => {
    fs.mkdirSync(folder, { recursive: true })
    fs.rmSync(path.join(folder, "key.pem"), { force: true })
    fs.writeFileSync(path.join(folder, "key.pem"), made.key, { mode: 0o600 })
    fs.writeFileSync(path.join(folder, "cert.pem"), made.cert)
    fs.writeFileSync(caFile, made.ca)
  })
  return { ...made, caFile }
})

/** Ones that end with the process; the authority's file is in a folder of its own until then. */
export const forgotten = Effect.fnUntraced(function* (host: string) {
  const made = yield* make(host)
  const folder = yield* Effect.acquireRelease(
    files(os.tmpdir(), () => fs.mkdtempSync(path.join(os.tmpdir(), "lockspire-tls-"))),
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
  )
  const caFile = path.join(folder, "ca.pem")
  yield* files(folder, () => fs.writeFileSync(caFile, made.ca))
  return { ...made, caFile }
})
