/**
 * core's `AccessTokenReader` for an API in a process of its own: JWTs by the issuer's published keys, everything else
 * by its introspection endpoint. Where both are comes from the issuer's metadata (RFC 8414), fetched when first needed.
 */
import {
  AccessTokenReader,
  confirmElsewhere,
  Crypto,
  type DpopOptions,
  Egress,
  type EgressService,
  IssuerUnavailable,
  OAuthError,
  ReadJwt,
  Refusal,
  RemoteJwks
} from "@lockspire/core"
import { Cache, Duration, Effect, Exit, Layer, Option, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"

export interface RemoteIssuerOptions {
  /** The issuer identifier, as the operator knows it: nothing of a token decides whom we ask. */
  readonly issuer: string
  /**
   * As whom the API asks about tokens (RFC 7662): a confidential client that the resource is registered to be
   * introspected by. Without it only JWTs are taken.
   */
  readonly introspection?: {
    readonly clientId: string
    readonly clientSecret: Redacted.Redacted
    /** Also of JWTs, so that a revoked one is refused at once; by default they are good until they expire. */
    readonly everyToken?: boolean
  }
  /** How proofs of tokens that are bound by DPoP are checked. Each process remembers which of them it has seen. */
  readonly dpop?: DpopOptions
  /** Seconds by which the clocks may differ: 30 by default, 60 at most. */
  readonly clockSkew?: number
}

/** Beyond it a clock is not skewed but wrong. */
const mostSkew = 60
const timeout = Duration.seconds(5)

const Metadata = Schema.Struct({
  issuer: Schema.String,
  jwks_uri: Schema.String,
  introspection_endpoint: Schema.optionalKey(Schema.String)
})

const Introspection = Schema.Union([
  Schema.Struct({ active: Schema.Literal(false) }),
  Schema.Struct({
    ...ReadJwt.sharedClaims,
    active: Schema.Literal(true),
    iss: Schema.optionalKey(Schema.String),
    token_type: Schema.optionalKey(Schema.String)
  })
])

/** RFC 8414 §3.1: the well-known part stands before the issuer's path. */
const metadataUrl = (issuer: string): URL => {
  const { pathname } = new URL(issuer)
  return new URL(`/.well-known/oauth-authorization-server${pathname === "/" ? "" : pathname}`, issuer)
}

const three = /^[^.]+\.[^.]+\.[^.]+$/

/** RFC 6749 §2.3.1: form-encoded before they are joined. */
const formEncoded = (text: string) => new URLSearchParams([["", text]]).toString().slice(1)

/**
 * Needs an `HttpClient`. The issuer is the operator's own choice, so its addresses are not held to be public, and plain
 * http is taken of an issuer on this machine; no redirect is followed, and every question is limited in time.
 */
export const layerRemote = (options: RemoteIssuerOptions) => {
  const { introspection, issuer } = options

  /** The way to this one issuer, for the key sets too. */
  const egress = Effect.map(HttpClient.HttpClient, (client): EgressService["Service"] => ({
    get: ({ accept, url }) =>
      client.execute(HttpClientRequest.get(url).pipe(HttpClientRequest.accept(accept))).pipe(
        Effect.flatMap((response) =>
          Effect.map(response.arrayBuffer, (body) => ({
            status: response.status,
            headers: response.headers,
            body: new Uint8Array(body)
          }))
        ),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
        Effect.mapError(() => new Egress.EgressRefused({ reason: "ConnectionFailed", url })),
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(new Egress.EgressRefused({ reason: "TooSlow", url }))
        })
      )
  }))

  const reader = Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const remoteJwks = yield* RemoteJwks
    const away = (because: string) => new IssuerUnavailable({ issuer, because })

    const answerTo = <A>(
      request: HttpClientRequest.HttpClientRequest,
      decode: (body: unknown) => Option.Option<A>,
      what: string
    ): Effect.Effect<A, IssuerUnavailable> =>
      client.execute(request.pipe(HttpClientRequest.acceptJson)).pipe(
        Effect.flatMap((response: HttpClientResponse.HttpClientResponse) =>
          response.status === 200
            ? Effect.map(response.json, decode)
            : Effect.succeed(Option.none<A>()).pipe(Effect.tap(Effect.logDebug(`${what} answered ${response.status}`)))
        ),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
        Effect.mapError(() => away(`${what} cannot be reached`)),
        Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(away(`${what} is too slow`)) }),
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.fail(away(`${what} gave no answer that it may give`)),
            onSome: Effect.succeed
          })
        )
      )

    let lastGood: typeof Metadata.Type | undefined
    const decodeMetadata = Schema.decodeUnknownOption(Metadata)
    const metadata = yield* Cache.makeWith(
      (from: string) =>
        answerTo(HttpClientRequest.get(metadataUrl(from)), decodeMetadata, "the issuer's metadata").pipe(
          // RFC 8414 §3.3: or any issuer could speak for another.
          Effect.filterOrFail(
            (found) => found.issuer === from,
            () => away("the metadata is another issuer's")
          ),
          Effect.tap((found) => Effect.sync(() => void (lastGood = found))),
          Effect.catch((error) => (lastGood === undefined ? Effect.fail(error) : Effect.succeed(lastGood)))
        ),
      {
        capacity: 1,
        timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.minutes(10) : Duration.seconds(1))
      }
    )

    const keysFor = Effect.fnUntraced(function* (kid: string | undefined) {
      const { jwks_uri } = yield* Cache.get(metadata, issuer)
      return yield* Effect.mapError(remoteJwks.keys(jwks_uri, kid), ({ because }) => away(`its keys: ${because}`))
    })

    const decodeIntrospection = Schema.decodeUnknownOption(Introspection)
    const introspect = Effect.fnUntraced(function* (
      token: string,
      as: NonNullable<RemoteIssuerOptions["introspection"]>
    ) {
      const { introspection_endpoint } = yield* Cache.get(metadata, issuer)
      if (introspection_endpoint === undefined) return yield* away("it has no introspection endpoint")
      const request = HttpClientRequest.post(introspection_endpoint).pipe(
        HttpClientRequest.basicAuth(formEncoded(as.clientId), formEncoded(Redacted.value(as.clientSecret))),
        HttpClientRequest.bodyUrlParams({ token, token_type_hint: "access_token" })
      )
      const answer = yield* answerTo(request, decodeIntrospection, "the introspection endpoint")
      yield* Refusal.check(
        "RFC 7662 §2.2: the token is active",
        answer.active,
        () => new OAuthError.InvalidToken({ reason: "TokenUnknown" })
      )
      const found = answer as Extract<typeof answer, { readonly active: true }>
      // A refresh token is active too, but only an access token has a token_type.
      yield* Refusal.check(
        "RFC 7662 §2.2, RFC 9449 §6.2: it is an access token",
        /^(?:bearer|dpop)$/i.test(found.token_type ?? ""),
        () => new OAuthError.InvalidToken({ reason: "TokenTypeMismatch", expected: "Bearer" })
      )
      yield* Refusal.check(
        "RFC 7662 §2.2: iss is the issuer",
        found.iss === undefined || found.iss === issuer,
        () => new OAuthError.InvalidToken({ reason: "IssuerMismatch", expected: issuer })
      )
      const facts = yield* ReadJwt.factsOf(issuer, found)
      yield* Refusal.check(
        "RFC 9449 §6.2: a token of type DPoP names its key",
        found.token_type?.toLowerCase() === "bearer" || facts.cnf?.jkt !== undefined,
        () => new OAuthError.InvalidToken({ reason: "ConfirmationUnknown" })
      )
      return facts
    })

    return AccessTokenReader.of({
      confirm: yield* confirmElsewhere(options.dpop ?? {}),
      clockSkew: Math.min(Math.max(options.clockSkew ?? 30, 0), mostSkew),
      read: Effect.fnUntraced(function* (from, token) {
        yield* Refusal.check(
          "the resource takes tokens of this issuer",
          from === issuer,
          () => new OAuthError.InvalidToken({ reason: "IssuerMismatch", expected: issuer, received: from })
        )
        const facts = three.test(token) ? yield* ReadJwt.readJwt(issuer, token, keysFor) : undefined
        if (facts !== undefined && introspection?.everyToken !== true) return { facts, client: undefined }
        if (introspection === undefined) {
          return yield* Refusal.refuse(
            "RFC 9068 §4: only JWTs are taken",
            new OAuthError.InvalidToken({ reason: "TokenMalformed" })
          )
        }
        return { facts: yield* introspect(token, introspection), client: undefined }
      })
    })
  })

  return Layer.effect(AccessTokenReader, reader).pipe(
    Layer.provide(Crypto.Crypto.layer),
    // Of its own: an issuer in the same process has another, by another way out.
    Layer.provide(Layer.fresh(RemoteJwks.layer)),
    Layer.provide(Layer.effect(Egress.Egress, egress))
  )
}
