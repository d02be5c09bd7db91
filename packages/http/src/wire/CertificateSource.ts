/** Where the client certificate of a request is found, RFC 8705 §2. */
import type { ClientCertificate } from "@lockspire/core"
import { Context } from "effect"
import type { HttpServerRequest } from "effect/http"

type Source = (request: HttpServerRequest.HttpServerRequest) => ClientCertificate | undefined

/** Where no connection shows a certificate. */
export const noCertificates: Source = () => undefined

/** Finds none, unless a layer of `ClientCertificates` in @lockspire/http/node says where. */
export const CertificateSource = Context.Reference<Source>("@lockspire/http/wire/CertificateSource", {
  defaultValue: () => noCertificates
})
