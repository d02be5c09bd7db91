/** `--host-module`: the host application's side of the contract, from a file of the operator's. */
import { type Crypto, HostResolver, type Issuer, type MemoryStorage } from "@lockspire/core"
import { Context, Effect, Layer } from "effect"
import type { HttpRouter } from "effect/http"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { type CommandFailed, failed } from "./CommandFailed.ts"

/** What the layer may use: every port, the issuers, and the router, in which it can register pages of its own. */
type Available = MemoryStorage.Ports | Issuer.Issuers | Crypto.Crypto | HttpRouter.HttpRouter

/** The host's side, whoever wrote it. */
export type Host = Layer.Layer<HostResolver, CommandFailed, Available>

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0]!

/** The layer of a file's default export. */
export const load = Effect.fnUntraced(function* (file: string) {
  const module = yield* Effect.tryPromise({
    try: () => import(pathToFileURL(path.resolve(file)).href) as Promise<{ readonly default?: unknown }>,
    catch: (error) => failed(`The host module ${file} cannot be loaded: ${reason(error)}`)
  })
  if (!Layer.isLayer(module.default)) {
    return yield* failed(`The host module ${file} has no default export that is a Layer of HostResolver.`)
  }
  return holdsResolver(file, module.default as Layer.Layer<HostResolver, unknown, Available>)
})

/** A layer's type is gone when it runs: whether a resolver comes out of it shows when it is built. */
const holdsResolver = (file: string, host: Layer.Layer<HostResolver, unknown, Available>): Host =>
  Layer.effectContext(
    Effect.gen(function* () {
      const built = yield* Layer.build(host).pipe(
        Effect.mapError((error) => failed(`The Layer of the host module ${file} fails: ${reason(error)}`))
      )
      yield* Effect.mapError(Effect.fromOption(Context.getOption(built, HostResolver)), () =>
        failed(`The default export of the host module ${file} is a Layer, but not of HostResolver.`)
      )
      // All of it: the host's validators come with its resolver.
      return built
    })
  )
