/** What nodes keep between requests tells them when it changes: NOTIFY, once per table and transaction. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE FUNCTION lockspire_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('lockspire_changed', TG_TABLE_NAME);
      RETURN NULL;
    END $$`
  for (const table of ["policies", "resources", "signing_keys"]) {
    yield* sql`
      CREATE TRIGGER lockspire_changed AFTER INSERT OR UPDATE OR DELETE ON ${sql(table)}
      FOR EACH ROW EXECUTE FUNCTION lockspire_changed()`
  }
})
