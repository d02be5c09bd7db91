import { grant as authorizationCode } from "../authorize/exchange.ts"
import { grant as clientCredentials } from "../client-credentials/exchange.ts"
import { grant as jwtBearer } from "../jwt-bearer/exchange.ts"
import { grant as refreshToken } from "../refresh/exchange.ts"
import { grant as tokenExchange } from "../token-exchange/exchange.ts"

/**
 * The grants this server answers, one value each: its `grant_type`, the parameters it knows that may be sent once, and
 * the exchange of what it stands for, which nobody can call who is not an `AuthenticatedClient`. A new grant is one room
 * and one line; discovery advertises what is here.
 */
const table = [authorizationCode, refreshToken, clientCredentials, tokenExchange, jwtBearer] as const

export type Grant = (typeof table)[number]

export const grants: ReadonlyMap<string, Grant> = new Map(table.map((grant) => [grant.grantType, grant]))

/** `grant_types_supported`, RFC 8414 §2. */
export const supportedGrantTypes: ReadonlyArray<string> = table.map((grant) => grant.grantType)

/** Every parameter of the token endpoint that may be sent once, whichever grant is asked for. */
export const grantParameters: ReadonlyArray<string> = [...new Set(table.flatMap((grant) => grant.parameters))]
