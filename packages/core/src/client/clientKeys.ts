/** The public keys of a client: registered with it, or published at its `jwks_uri` (RFC 7591 §2). */
import { Effect } from "effect"
import { type Client, textMetadata } from "./Client.ts"
import { type Jwk, jwksOf } from "./Jwks.ts"
import { RemoteJwks, type RemoteJwksUnavailable } from "./RemoteJwks.ts"

/** What is registered inline wins; a `kid` that a published set lacks makes it be fetched anew. */
export const clientKeys = Effect.fnUntraced(function* (
  client: Client,
  kid?: string
): Effect.fn.Return<ReadonlyArray<Jwk>, RemoteJwksUnavailable, RemoteJwks> {
  const inline = jwksOf(client.metadata["jwks"])
  if (inline !== undefined) return inline
  const uri = textMetadata(client, "jwks_uri")
  return uri === undefined ? [] : yield* RemoteJwks.use((remote) => remote.keys(uri, kid))
})
