/** The public surface: one namespace per module. */
export * as Connection from "./Connection.ts"
export * as EmbeddedPostgres from "./EmbeddedPostgres.ts"
export * as Migrations from "./Migrations.ts"
export * as PostgresStorage from "./PostgresStorage.ts"
export * as TransactionPg from "./TransactionPg.ts"
export * as AccountStorePg from "./AccountStorePg.ts"
export * as AuditLogPg from "./AuditLogPg.ts"
export * as PolicyStorePg from "./PolicyStorePg.ts"
export * as SigningKeyStorePg from "./SigningKeyStorePg.ts"
export * as PairwiseSubjectStorePg from "./PairwiseSubjectStorePg.ts"
export * as ReplayStorePg from "./ReplayStorePg.ts"
export * as ResourceStorePg from "./ResourceStorePg.ts"
export * as ClientStorePg from "./ClientStorePg.ts"
export * as TokenStorePg from "./TokenStorePg.ts"
export * as ConsentStorePg from "./ConsentStorePg.ts"
export * as InteractionStorePg from "./InteractionStorePg.ts"
export * as AuthorizationCodeStorePg from "./AuthorizationCodeStorePg.ts"

// What is inside the namespaces once more under a name of its own, so that TypeScript can write the declarations of a
// program that needs it (TS2883).
export type { EmbeddedPostgresAlreadyRunning, EmbeddedPostgresError } from "./EmbeddedPostgres.ts"
export type { SchemaMissing } from "./Migrations.ts"
export type { SchemaNameInvalid } from "./Connection.ts"
