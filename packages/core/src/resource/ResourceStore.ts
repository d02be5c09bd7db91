import { Context, Effect, Layer } from "effect"
import * as MemoryTable from "../storage/MemoryTable.ts"
import type { Resource } from "./Resource.ts"

/** Holds the registered resources, per issuer. */
export class ResourceStore extends Context.Service<
  ResourceStore,
  {
    /** Every resource of the issuer, by identifier. */
    readonly list: (issuer: string) => Effect.Effect<ReadonlyArray<Resource>>
    /** Adds the resource, or replaces the one of its identifier. */
    readonly put: (resource: Resource) => Effect.Effect<void>
  }
>()("@lockspire/core/resource/ResourceStore") {
  static readonly layerMemory = Layer.effect(
    ResourceStore,
    Effect.map(MemoryTable.make<Resource>("resources"), (table) =>
      ResourceStore.of({
        list: (issuer) =>
          table.step((rows) =>
            [...rows.values()]
              .filter((row) => row.issuer === issuer)
              .toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1))
          ),
        put: (resource) =>
          table.step((rows) => rows.set(MemoryTable.key(resource.issuer, resource.identifier), resource))
      })
    )
  )
}
