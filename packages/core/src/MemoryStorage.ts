/** Every port's in-memory layer in one: the same contracts as PostgreSQL, gone when the process ends. */
import { Effect, Layer } from "effect"
import { AccountStore } from "./account/AccountStore.ts"
import { AuditLog } from "./audit/AuditLog.ts"
import { AuthorizationCodeStore } from "./authorize/AuthorizationCodeStore.ts"
import { InteractionStore } from "./authorize/InteractionStore.ts"
import { ClientStore } from "./client/ClientStore.ts"
import { ConsentStore } from "./consent/ConsentStore.ts"
import { PolicyStore } from "./issuer/Policy.ts"
import { TrustedIssuerStore } from "./jwt-bearer/TrustedIssuerStore.ts"
import { ExchangeRuleStore } from "./token-exchange/ExchangeRuleStore.ts"
import { SigningKeyStore } from "./key/SigningKeyStore.ts"
import { PushedRequestStore } from "./par/PushedRequestStore.ts"
import { ReplayStore } from "./replay/ReplayStore.ts"
import { ResourceStore } from "./resource/ResourceStore.ts"
import * as Transaction from "./storage/Transaction.ts"
import { PairwiseSubjectStore } from "./subject/PairwiseSubjectStore.ts"
import { TokenStore } from "./token/TokenStore.ts"

const tokens = Layer.unwrap(Effect.map(ClientStore, (clients) => TokenStore.layerMemory(clients.find)))

/** What a storage has to bring: every port of core. */
export type Ports =
  | AccountStore
  | AuditLog
  | AuthorizationCodeStore
  | ClientStore
  | ConsentStore
  | ExchangeRuleStore
  | TrustedIssuerStore
  | InteractionStore
  | PairwiseSubjectStore
  | PolicyStore
  | PushedRequestStore
  | ReplayStore
  | ResourceStore
  | SigningKeyStore
  | TokenStore
  | Transaction.Transaction

export const layer: Layer.Layer<Ports> = Layer.merge(
  AuthorizationCodeStore.layerMemory,
  PushedRequestStore.layerMemory
).pipe(
  Layer.provideMerge(tokens),
  Layer.provideMerge(
    Layer.mergeAll(
      AccountStore.layerMemory,
      AuditLog.layerMemory,
      ClientStore.layerMemory,
      ConsentStore.layerMemory,
      ExchangeRuleStore.layerMemory,
      TrustedIssuerStore.layerMemory,
      InteractionStore.layerMemory,
      PairwiseSubjectStore.layerMemory,
      PolicyStore.layerMemory,
      ReplayStore.layerMemory,
      ResourceStore.layerMemory,
      SigningKeyStore.layerMemory
    )
  ),
  Layer.provideMerge(Transaction.layerMemory)
)
