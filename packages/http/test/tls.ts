/** Connections that show a client certificate: the platform's `fetch` has no word for it. */
import type { Certificates } from "@lockspire/core/testing"
import { type RequestOptions, request as httpsRequest } from "node:https"
import * as tls from "node:tls"
import type * as openid from "openid-client"

/** A `fetch` on a connection of its own, by this certificate; every host name is this machine. */
export const fetchWith =
  (ca: string, certificate?: Certificates.TestCertificate): openid.CustomFetch =>
  (url, { body, headers, method }) =>
    new Promise<Response>((resolve, reject) => {
      const options: RequestOptions = {
        method,
        headers,
        agent: false,
        ca,
        servername: "localhost",
        family: 4,
        lookup: (_name, { all }, callback) =>
          all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4),
        ...(certificate && { cert: certificate.pem, key: certificate.privateKeyPem })
      }
      httpsRequest(url, options, (answer) => {
        const chunks: Array<Buffer> = []
        answer.on("data", (chunk: Buffer) => chunks.push(chunk))
        answer.on("end", () => {
          const entries = Object.entries(answer.headers).map(
            ([name, value]) => [name, String(value)] as [string, string]
          )
          resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode!, headers: entries }))
        })
      })
        .on("error", reject)
        .end(body instanceof URLSearchParams ? body.toString() : undefined)
    })

/** Makes the platform's own `fetch` trust a server's certificate. */
export const trust = (pem: string): void => tls.setDefaultCACertificates([...tls.getCACertificates("default"), pem])
