/** The database could not be asked. A defect: no pipeline can mend it; the edge answers 503 with `Retry-After`. */
import { Data } from "effect"

export class StorageUnavailable extends Data.TaggedError("StorageUnavailable")<{ readonly cause: unknown }> {}
