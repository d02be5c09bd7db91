/** The contract of every port as a suite that each of its layers runs: in memory, on PostgreSQL, and a host's own. */
import type { Layer } from "effect"
import type { Ports } from "../../MemoryStorage.ts"
import * as AccountStoreContract from "./AccountStore.ts"
import * as AuditLogContract from "./AuditLog.ts"
import * as AuthorizationCodeStoreContract from "./AuthorizationCodeStore.ts"
import * as ClientStoreContract from "./ClientStore.ts"
import * as ConsentStoreContract from "./ConsentStore.ts"
import * as ExchangeRuleStoreContract from "./ExchangeRuleStore.ts"
import * as TrustedIssuerStoreContract from "./TrustedIssuerStore.ts"
import * as InteractionStoreContract from "./InteractionStore.ts"
import * as PairwiseSubjectStoreContract from "./PairwiseSubjectStore.ts"
import * as PolicyStoreContract from "./PolicyStore.ts"
import * as PushedRequestStoreContract from "./PushedRequestStore.ts"
import * as ReplayStoreContract from "./ReplayStore.ts"
import * as ResourceStoreContract from "./ResourceStore.ts"
import * as SigningKeyStoreContract from "./SigningKeyStore.ts"
import * as TokenStoreContract from "./TokenStore.ts"
import * as TransactionContract from "./Transaction.ts"

export {
  AccountStoreContract,
  AuditLogContract,
  AuthorizationCodeStoreContract,
  ClientStoreContract,
  ConsentStoreContract,
  ExchangeRuleStoreContract,
  TrustedIssuerStoreContract,
  InteractionStoreContract,
  PairwiseSubjectStoreContract,
  PolicyStoreContract,
  PushedRequestStoreContract,
  ReplayStoreContract,
  ResourceStoreContract,
  SigningKeyStoreContract,
  TokenStoreContract,
  TransactionContract
}

export type { Ports }

/** Runs every contract on a storage that has every port; each suite builds the layer for itself. */
export const allSuites = <E>(name: string, storage: Layer.Layer<Ports, E>) => {
  TransactionContract.suite(name, storage)
  AccountStoreContract.suite(name, storage)
  AuditLogContract.suite(name, storage)
  PairwiseSubjectStoreContract.suite(name, storage)
  PolicyStoreContract.suite(name, storage)
  SigningKeyStoreContract.suite(name, storage)
  PushedRequestStoreContract.suite(name, storage)
  ReplayStoreContract.suite(name, storage)
  ResourceStoreContract.suite(name, storage)
  ClientStoreContract.suite(name, storage)
  TokenStoreContract.suite(name, storage)
  ConsentStoreContract.suite(name, storage)
  ExchangeRuleStoreContract.suite(name, storage)
  TrustedIssuerStoreContract.suite(name, storage)
  InteractionStoreContract.suite(name, storage)
  AuthorizationCodeStoreContract.suite(name, storage)
}
