/** Every port of core on PostgreSQL, in one layer. */
import type { Ports } from "@lockspire/core"
import type { PgClient } from "@effect/sql-pg"
import { Layer } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as AccountStorePg from "./AccountStorePg.ts"
import * as AuditLogPg from "./AuditLogPg.ts"
import * as AuthorizationCodeStorePg from "./AuthorizationCodeStorePg.ts"
import * as ClientStorePg from "./ClientStorePg.ts"
import * as Connection from "./Connection.ts"
import * as ConsentStorePg from "./ConsentStorePg.ts"
import * as ExchangeRuleStorePg from "./ExchangeRuleStorePg.ts"
import * as TrustedIssuerStorePg from "./TrustedIssuerStorePg.ts"
import * as InvalidationsPg from "./InvalidationsPg.ts"
import * as InteractionStorePg from "./InteractionStorePg.ts"
import * as PolicyStorePg from "./PolicyStorePg.ts"
import * as PairwiseSubjectStorePg from "./PairwiseSubjectStorePg.ts"
import * as PushedRequestStorePg from "./PushedRequestStorePg.ts"
import * as ReplayStorePg from "./ReplayStorePg.ts"
import * as ResourceStorePg from "./ResourceStorePg.ts"
import * as SigningKeyStorePg from "./SigningKeyStorePg.ts"
import * as TokenStorePg from "./TokenStorePg.ts"
import * as TransactionPg from "./TransactionPg.ts"

/** All ports over the `SqlClient` of the host. Its schema has to be migrated: see `Migrations`. */
export const layer: Layer.Layer<Ports, never, SqlClient.SqlClient> = Layer.mergeAll(
  InvalidationsPg.layer,
  TransactionPg.layer,
  AccountStorePg.layer,
  AuditLogPg.layer,
  PolicyStorePg.layer,
  SigningKeyStorePg.layer,
  PairwiseSubjectStorePg.layer,
  PushedRequestStorePg.layer,
  ReplayStorePg.layer,
  ResourceStorePg.layer,
  ClientStorePg.layer,
  TokenStorePg.layer,
  ConsentStorePg.layer,
  ExchangeRuleStorePg.layer,
  TrustedIssuerStorePg.layer,
  InteractionStorePg.layer,
  AuthorizationCodeStorePg.layer
)

/** All ports, and the `SqlClient` of the pool that they share, for a connection URL. */
export const layerUrl = (
  options: Connection.Options
): Layer.Layer<Ports | PgClient.PgClient | SqlClient.SqlClient, Connection.SchemaNameInvalid | SqlError.SqlError> =>
  Layer.provideMerge(layer, Connection.layer(options))
