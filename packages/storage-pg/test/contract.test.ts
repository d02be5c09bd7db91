import { allSuites } from "../../core/src/testing/contract/index.ts"
import { TestDatabase } from "../src/testing/index.ts"

allSuites("PostgreSQL", TestDatabase.storage)
