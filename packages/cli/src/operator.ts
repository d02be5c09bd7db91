/** Who is at the terminal, for the audit log. */
import { AuditEvents } from "@lockspire/core"
import { Effect } from "effect"
import * as os from "node:os"

/** The system's name for the user; a container may have none. */
const userName = (): string => {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? "unknown")
  }
}

export const operator = Effect.sync(() => AuditEvents.operator(userName()))
