import { Data } from "effect"

/** Why a command did nothing, or stopped: one sentence for each reason, for the person at the terminal. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{ readonly reasons: ReadonlyArray<string> }> {
  override get message(): string {
    return this.reasons.join("\n")
  }
}

export const failed = (...reasons: ReadonlyArray<string>) => new CommandFailed({ reasons })
