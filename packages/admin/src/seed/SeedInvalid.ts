import { Data } from "effect"

/** One thing that is wrong with a seed. The value itself is not repeated: it may be a secret. */
export interface Problem {
  /** For example `clients[0].redirect_uris[1]`; empty for the whole. */
  readonly path: string
  readonly reason: string
}

/** A seed of which nothing was applied. */
export class SeedInvalid extends Data.TaggedError("SeedInvalid")<{ readonly problems: ReadonlyArray<Problem> }> {
  override get message(): string {
    return this.problems.map(line).join("\n")
  }
}

/** Something in a seed that was accepted, and that the operator should know about. */
export type Warning = Problem

export const line = ({ path, reason }: Problem): string => `${path === "" ? "seed" : path}: ${reason}`

export const pathOf = (segments: ReadonlyArray<PropertyKey>): string =>
  segments.reduce<string>(
    (path, segment) =>
      typeof segment === "number"
        ? `${path}[${segment}]`
        : path === ""
          ? String(segment)
          : `${path}.${String(segment)}`,
    ""
  )
