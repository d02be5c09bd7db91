/** What a signed-in person can try, each with the tokens of the session. None of them fails: how it went is the result. */
import { Clock, Effect } from "effect"
import { type Failure, refusal } from "./Failure.ts"
import type * as Issuer from "./Issuer.ts"
import type { Outcome, SignedIn } from "./Sessions.ts"

/** What an action leaves in the session. */
export interface Done {
  readonly signedIn: SignedIn
  readonly outcome: Outcome
  /** What has to happen before it can be done. */
  readonly stepUp?: Issuer.StepUp | undefined
}

/** RFC 6749 §6, OpenID Connect Core §12.2: what a refresh does not send again stays as it was. */
export const signedInBy = Effect.fnUntraced(function* (tokens: Issuer.Tokens, before?: SignedIn) {
  const lifetime = tokens.expiresIn()
  const now = yield* Clock.currentTimeMillis
  return {
    claims: tokens.claims() ?? before?.claims,
    userinfo: before?.userinfo,
    idToken: tokens.id_token ?? before?.idToken,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? before?.refreshToken,
    scope: tokens.scope ?? before?.scope,
    expiresAt: lifetime === undefined ? undefined : now + lifetime * 1000,
    revoked: false
  } satisfies SignedIn
})

/** JSON made readable; anything else as it is. */
const indented = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** How an action that the issuer, or the API, answered is told. */
interface Said {
  readonly succeeded?: boolean
  readonly text: string
  readonly answer?: string
}

/** Does it under a name; a failure changes nothing but the outcome. */
const named =
  (
    tried: string,
    run: (
      signedIn: SignedIn
    ) => Effect.Effect<Partial<SignedIn> & { said: Said; stepUp?: Issuer.StepUp | undefined }, Failure>
  ) =>
  (signedIn: SignedIn): Effect.Effect<Done> =>
    run(signedIn).pipe(
      Effect.map(({ said, stepUp, ...changed }) => ({
        signedIn: { ...signedIn, ...changed },
        outcome: { tried, succeeded: true, ...said },
        stepUp
      })),
      Effect.catch(({ code, description }) =>
        Effect.succeed({ signedIn, outcome: { tried, succeeded: false, code, text: description } })
      )
    )

/** The way from the refusal to here, in words. */
const steppedUp = ({ acrValues, maxAge }: Issuer.StepUp): string => {
  const wants = [
    ...(maxAge === undefined ? [] : [`a sign-in of the last ${maxAge} seconds`]),
    ...(acrValues === undefined ? [] : [`a sign-in of the class ${acrValues}`])
  ].join(" and ")
  return `The API refused the token from before and asked for ${wants}. This application sent you to the issuer for that, and asked the API again with the new token.`
}

export const make = (issuer: ReturnType<typeof Issuer.make>) => {
  return {
    refresh: named(
      "Refresh tokens",
      Effect.fnUntraced(function* (signedIn) {
        if (signedIn.refreshToken === undefined) return yield* refusal("There is no refresh token.")
        const received = yield* signedInBy(yield* issuer.refresh(signedIn.refreshToken), signedIn)
        return { ...received, said: { text: "The issuer sent new tokens." } }
      })
    ),

    userinfo: named(
      "Fetch userinfo",
      Effect.fnUntraced(function* (signedIn) {
        if (signedIn.claims === undefined) {
          return yield* refusal("There is no ID token to compare the subject with.")
        }
        const userinfo = yield* issuer.userinfo(signedIn.accessToken, signedIn.claims.sub)
        return { userinfo, said: { text: "The issuer answered.", answer: JSON.stringify(userinfo, null, 2) } }
      })
    ),

    callApi: named("Call the API", (signedIn) =>
      Effect.map(issuer.callApi(signedIn.accessToken), ({ body, challenge, status }) => ({
        said: {
          succeeded: status === 200,
          text: `The API answered ${status}.`,
          answer: challenge === null ? indented(body) : `WWW-Authenticate: ${challenge}\n\n${indented(body)}`
        }
      }))
    ),

    /** RFC 9470: what the API wants first is a step-up; `after` is the one that has already happened. */
    transfer: (after?: Issuer.StepUp) =>
      named(
        "Do something that needs a fresh sign-in",
        Effect.fnUntraced(function* (signedIn) {
          const subject = signedIn.claims?.sub
          if (after !== undefined && after.subject !== subject) {
            return yield* refusal("Somebody else signed in, so nothing was done.")
          }
          const { body, challenge, status, stepUp } = yield* issuer.transfer(signedIn.accessToken)
          const challenges = [after?.challenge, challenge].filter((one) => typeof one === "string")
          return {
            // Once: an issuer that cannot do better would otherwise be asked again and again.
            stepUp: after === undefined && stepUp !== undefined ? { ...stepUp, subject } : undefined,
            said: {
              succeeded: status === 200,
              text: `${after === undefined ? "" : `${steppedUp(after)} `}The API answered ${status}.`,
              answer: [...challenges.map((one) => `WWW-Authenticate: ${one}`), indented(body)].join("\n\n")
            }
          }
        })
      ),

    /** The refresh token first: while it lives, it could still make another access token. */
    revoke: named(
      "Revoke",
      Effect.fnUntraced(function* ({ accessToken, refreshToken }) {
        if (refreshToken !== undefined) yield* issuer.revoke(refreshToken, "refresh_token")
        yield* issuer.revoke(accessToken, "access_token")
        return { revoked: true, said: { text: "The issuer revoked the tokens. Call the API to see it refuse them." } }
      })
    )
  }
}
