/** The resource server's own side of RFC 8707: which resource its routes are, and whose tokens open them. */
import { Context, Effect, Layer } from "effect"
import { proofAlgorithms } from "../proof/dpop.ts"
import { Resources } from "../resource/Resources.ts"

/** How tokens have to be bound; nothing by default, and a bound one always has to be proved. */
export interface SenderDemand {
  /** By DPoP: `dpop_bound_access_tokens_required`, RFC 9728 §2. */
  readonly dpop?: "required"
  /** By DPoP or to the client's certificate. */
  readonly senderConstrained?: true
}

export interface ProtectedResourcePort {
  /** Whose access tokens are taken, and no one else's. */
  readonly issuer: string
  /** What a token's audience has to name. */
  readonly identifier: string
  /** The scope values that mean something here. */
  readonly scopes: Effect.Effect<ReadonlyArray<string>>
  /** For people, RFC 9728 §2. */
  readonly name: string | undefined
  /** What stands before the path of a request in the `htu` of a DPoP proof. Without any, DPoP cannot be used. */
  readonly origins: ReadonlyArray<string>
  /** By which algorithms DPoP proofs may be signed. */
  readonly proofAlgorithms: ReadonlyArray<string>
  /** What holds for every route. */
  readonly demand: Effect.Effect<SenderDemand>
  /** Whether a token is taken that names no resource at all. */
  readonly takesTokensForNoResource: boolean
}

export interface Options extends SenderDemand {
  readonly issuer: string
  readonly identifier: string
  readonly name?: string
  /**
   * By which origins clients reach the routes: the identifier's by default, where it is a URL. Configured, since whoever
   * sends a request chooses its `Host`. A proxy that takes off a prefix of the path is named with it.
   */
  readonly origins?: ReadonlyArray<string>
  /**
   * By which algorithms DPoP proofs may be signed: every asymmetric one by default. FAPI 2.0 Security Profile §5.4.1 has
   * PS256, ES256 and EdDSA. Beside the issuer the rules of its profile and of the token's client hold too.
   */
  readonly proofAlgorithms?: ReadonlyArray<string>
  /** Every API of the issuer that takes such a token can use it at every other one. */
  readonly dangerouslyTakesTokensForNoResource?: boolean
}

/** Without a slash at the end; undefined for what no request can begin with. */
const prefixOf = (origin: string): string | undefined => {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  const isPlain = url !== undefined && `${url.username}${url.password}${url.search}${url.hash}` === ""
  return isPlain && /^https?:$/.test(url.protocol) ? `${url.origin}${url.pathname.replace(/\/+$/, "")}` : undefined
}

const originsOf = ({ identifier, origins }: Options): ReadonlyArray<string> => {
  const own = /^https?:/i.test(identifier) && URL.canParse(identifier) ? [new URL(identifier).origin] : []
  return (origins ?? own).map((origin) => {
    const prefix = prefixOf(origin)
    if (prefix === undefined) throw new Error(`The origin ${origin} is no http or https URL without query and fragment`)
    return prefix
  })
}

const demandOf = ({ dpop, senderConstrained }: SenderDemand): SenderDemand => ({
  ...(dpop === undefined ? {} : { dpop }),
  ...(senderConstrained === undefined ? {} : { senderConstrained })
})

const stated = (options: Options) => {
  const origins = originsOf(options)
  if (options.dpop === "required" && origins.length === 0) {
    throw new Error(`${options.identifier} demands DPoP, and no origin says where its routes are`)
  }
  return {
    issuer: options.issuer,
    identifier: options.identifier,
    name: options.name,
    origins,
    proofAlgorithms: options.proofAlgorithms ?? proofAlgorithms,
    takesTokensForNoResource: options.dangerouslyTakesTokensForNoResource === true
  }
}

export class ProtectedResource extends Context.Service<ProtectedResource, ProtectedResourcePort>()(
  "@lockspire/core/protect/ProtectedResource"
) {
  /** In a process of its own: what the operator registered with the issuer, said once more. */
  static readonly layer = (options: Options & { readonly scopes: ReadonlyArray<string> }) =>
    Layer.sync(ProtectedResource, () => ({
      ...stated(options),
      scopes: Effect.succeed(options.scopes),
      demand: Effect.succeed(demandOf(options))
    }))

  /** Beside the issuer: as it is registered, whenever that changes; what is stated here is demanded as well. */
  static readonly layerRegistered = (options: Options) =>
    Layer.effect(
      ProtectedResource,
      Effect.map(Resources, (resources) => {
        const registered = Effect.map(resources.list(options.issuer), (all) =>
          all.find((one) => one.identifier === options.identifier)
        )
        return {
          ...stated(options),
          scopes: Effect.map(registered, (one) => one?.scopes ?? []),
          demand: Effect.map(registered, (one) =>
            demandOf(one?.dpop === "required" ? { ...options, dpop: "required" } : options)
          )
        }
      })
    )
}
