import { MemoryStorage } from "../../src/index.ts"
import { allSuites } from "../../src/testing/contract/index.ts"

allSuites("memory", MemoryStorage.layer)
