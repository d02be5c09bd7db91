/** For the host's own routes, beside the issuer or in a process of their own. */
export { refusal } from "./challenge.ts"
export { metadataRoute } from "./metadataRoute.ts"
export { middleware, Protected, Requires } from "./Protected.ts"
export { layerRemote, type RemoteIssuerOptions } from "./RemoteIssuer.ts"
