/** Layers that need Node itself. */
export * as ClientCertificates from "./ClientCertificates.ts"
export * as NodeCrypto from "./NodeCrypto.ts"
export * as NodeEgress from "./NodeEgress.ts"
export { type NodeHandler, toNodeHandler } from "./nodeHandler.ts"
