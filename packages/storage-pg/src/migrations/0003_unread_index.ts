/** No statement looks for refresh tokens by their grant alone, and every rotation wrote this index twice. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Behind a long reader it would wait, and every refresh of the running nodes behind it: better to fail, and be run again.
  yield* sql`SET LOCAL lock_timeout = '3s'`
  yield* sql`DROP INDEX IF EXISTS refresh_tokens_grant`
  yield* sql`SET LOCAL lock_timeout = 0`
})
