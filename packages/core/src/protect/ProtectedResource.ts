/** The resource server's own side of RFC 8707: which resource its routes are, and whose tokens open them. */
import { Context, Effect, Layer } from "effect"
import { Resources } from "../resource/Resources.ts"

export interface ProtectedResourcePort {
  /** Whose access tokens are taken, and no one else's. */
  readonly issuer: string
  /** What a token's audience has to name. */
  readonly identifier: string
  /** The scope values that mean something here. */
  readonly scopes: Effect.Effect<ReadonlyArray<string>>
  /** For people, RFC 9728 §2. */
  readonly name: string | undefined
}

export interface Options {
  readonly issuer: string
  readonly identifier: string
  readonly name?: string
}

export class ProtectedResource extends Context.Service<ProtectedResource, ProtectedResourcePort>()(
  "@lockspire/core/protect/ProtectedResource"
) {
  /** In a process of its own: what the operator registered with the issuer, said once more. */
  static readonly layer = (options: Options & { readonly scopes: ReadonlyArray<string> }) =>
    Layer.succeed(ProtectedResource, {
      issuer: options.issuer,
      identifier: options.identifier,
      scopes: Effect.succeed(options.scopes),
      name: options.name
    })

  /** Beside the issuer: as it is registered, whenever that changes. */
  static readonly layerRegistered = (options: Options) =>
    Layer.effect(
      ProtectedResource,
      Effect.map(Resources, (resources) => ({
        issuer: options.issuer,
        identifier: options.identifier,
        scopes: Effect.map(
          resources.list(options.issuer),
          (all) => all.find((one) => one.identifier === options.identifier)?.scopes ?? []
        ),
        name: options.name
      }))
    )
}
