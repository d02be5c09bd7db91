/** The protocol over HTTP: routes for a host's router, handlers for other hosts, and the pages. */
export { ProtocolApi } from "./api/ProtocolApi.ts"
export * as ProtocolRoutes from "./ProtocolRoutes.ts"
export type { ProtocolServices } from "./wire/services.ts"
export { toWebHandler, type WebHandler } from "./webHandler.ts"
export { CertificateSource } from "./wire/CertificateSource.ts"
export * as Form from "./wire/form.ts"
export * as Pages from "./pages/index.ts"
export * as Protect from "./protect/index.ts"
