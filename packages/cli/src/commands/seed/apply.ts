import { applySeed } from "@lockspire/admin"
import { SecretVerifier } from "@lockspire/core"
import { NodeCrypto } from "@lockspire/http/node"
import { Console, Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import * as Database from "../../Database.ts"
import * as Keys from "../../Keys.ts"
import { operator } from "../../operator.ts"
import * as SeedFile from "../../SeedFile.ts"

export const apply = Command.make(
  "apply",
  { ...Keys.config, file: Argument.String("file").pipe(Argument.withDescription("The seed, JSON")) },
  Effect.fnUntraced(function* ({ file, ...input }) {
    const { seed } = yield* SeedFile.read(file)
    const issuer = yield* Keys.issuerOf(input)
    const database = yield* Keys.databaseOf(input)
    const applied = yield* applySeed(issuer, seed, yield* operator).pipe(
      Effect.mapError(SeedFile.invalid),
      Effect.provide(
        SecretVerifier.layer.pipe(Layer.provideMerge(Layer.merge(NodeCrypto.layer, Database.storage(database))))
      )
    )
    for (const { id, type } of applied.created) yield* Console.log(`created ${type} ${id}`)
    for (const { id, type } of applied.updated) yield* Console.log(`updated ${type} ${id}`)
    yield* Console.log(`${applied.unchanged.length} unchanged at ${issuer}.`)
    yield* SeedFile.report(applied)
  }, Effect.scoped)
).pipe(Command.withDescription("Add what a seed names and update what differs; what it does not name stays"))
