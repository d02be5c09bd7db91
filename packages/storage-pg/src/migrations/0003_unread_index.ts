/** No statement looks for refresh tokens by their grant alone, and every rotation wrote this index twice. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DROP INDEX IF EXISTS refresh_tokens_grant`)
