import { exchange as authorizationCode } from "../authorize/exchange.ts"
import { exchange as refreshToken } from "../refresh/exchange.ts"

/** The grants this server answers, by `grant_type`. A new grant is one room and one line. */
export const grants = { authorization_code: authorizationCode, refresh_token: refreshToken }

export const isGrantType = (value: string): value is keyof typeof grants => Object.hasOwn(grants, value)
