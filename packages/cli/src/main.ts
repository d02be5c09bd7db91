#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, Layer, Logger, Result } from "effect"
import { type CliError, Command } from "effect/cli"
import { createRequire } from "node:module"
import type { CommandFailed } from "./CommandFailed.ts"
import { lifetimes } from "./commands/client/lifetimes.ts"
import { dev } from "./commands/dev.ts"
import { generate } from "./commands/key/generate.ts"
import { list } from "./commands/key/list.ts"
import { retire } from "./commands/key/retire.ts"
import { rewrap } from "./commands/key/rewrap.ts"
import { rotate } from "./commands/key/rotate.ts"
import { migrate } from "./commands/migrate.ts"
import { check as checkProfiles } from "./commands/profile/check.ts"
import { list as listProfiles } from "./commands/profile/list.ts"
import { set as setProfile } from "./commands/profile/set.ts"
import { apply } from "./commands/seed/apply.ts"
import { check } from "./commands/seed/check.ts"
import { serve } from "./commands/serve.ts"

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string }

const key = Command.make("key").pipe(
  Command.withDescription("The keys that sign tokens, and the key that encrypts them"),
  Command.withSubcommands([list, generate, rotate, retire, rewrap])
)
const client = Command.make("client").pipe(
  Command.withDescription("What is in force for a client"),
  Command.withSubcommands([lifetimes])
)
const profile = Command.make("profile").pipe(
  Command.withDescription("Sets of rules that the server and its clients are held to: FAPI 2.0, MCP"),
  Command.withSubcommands([listProfiles, checkProfiles, setProfile])
)
const seed = Command.make("seed").pipe(
  Command.withDescription("Accounts, clients, resources and policy from a file"),
  Command.withSubcommands([check, apply])
)

const lockspire = Command.make("lockspire").pipe(
  Command.withDescription("An OAuth 2.0 and OpenID Connect provider"),
  Command.withSubcommands([dev, serve, migrate, key, client, profile, seed])
)

/** Standard output is for what a command answers; everything else goes to standard error. */
const logging = Layer.merge(
  Logger.layer([process.stderr.isTTY ? Logger.consolePretty() : Logger.withConsoleError(Logger.formatLogFmt)]),
  Layer.succeed(Logger.LogToStderr, true)
)

/** One line for each reason; the cause only when it is a fault of ours. Usage errors were shown with the help. */
const explain = (cause: Cause.Cause<CommandFailed | CliError.CliError>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const found = Cause.findError(cause)
  if (Result.isSuccess(found)) {
    return found.success._tag === "CommandFailed" ? Console.error(found.success.message) : Effect.void
  }
  return Effect.logError("The command met an unexpected condition.", cause)
}

lockspire.pipe(
  Command.run({ version }),
  Effect.tapCause(explain),
  Effect.provide(Layer.mergeAll(NodeServices.layer, logging)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    // Being told to stop is how a server ends well.
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })
)
