/**
 * The protocol's endpoints as an HttpApi: for OpenAPI and for typed clients. The handlers are raw, so that every byte
 * of a request is read by our strict readers and every byte of an answer is what the specifications say.
 */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"

const Form = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Array(Schema.String)])).pipe(
  HttpApiSchema.asFormUrlEncoded()
)
const Page = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/html; charset=utf-8" }))

/** RFC 6749 §5.1. */
export const TokenResponse = Schema.Struct({
  access_token: Schema.String,
  token_type: Schema.Literals(["Bearer", "DPoP"]),
  expires_in: Schema.Int,
  refresh_token: Schema.optionalKey(Schema.String),
  id_token: Schema.optionalKey(Schema.String),
  scope: Schema.String
})

/** RFC 9126 §2.2. */
export const PushResponse = Schema.Struct({ request_uri: Schema.String, expires_in: Schema.Int })

/** RFC 6749 §5.2. */
export const ErrorResponse = Schema.Struct({
  error: Schema.String,
  error_description: Schema.optionalKey(Schema.String)
})
const BadRequest = ErrorResponse.pipe(HttpApiSchema.status(400))
const Unauthorized = ErrorResponse.pipe(HttpApiSchema.status(401))
const Forbidden = ErrorResponse.pipe(HttpApiSchema.status(403))

const Handle = { handle: Schema.String }

export class Browser extends HttpApiGroup.make("browser").add(
  HttpApiEndpoint.get("authorize", "/authorize", { success: HttpApiSchema.Empty(302), error: BadRequest }),
  HttpApiEndpoint.post("authorizePost", "/authorize", {
    payload: Form,
    success: HttpApiSchema.Empty(303),
    error: BadRequest
  }),
  HttpApiEndpoint.get("interaction", "/interaction/:handle", { params: Handle, success: Page, error: BadRequest }),
  HttpApiEndpoint.post("decide", "/interaction/:handle", {
    params: Handle,
    payload: Form,
    success: HttpApiSchema.Empty(303),
    error: BadRequest
  })
) {}

export class Clients extends HttpApiGroup.make("clients").add(
  HttpApiEndpoint.post("push", "/par", {
    payload: Form,
    success: PushResponse.pipe(HttpApiSchema.status(201)),
    error: [BadRequest, Unauthorized]
  }),
  HttpApiEndpoint.post("token", "/token", {
    payload: Form,
    success: TokenResponse,
    error: [BadRequest, Unauthorized]
  }),
  HttpApiEndpoint.post("revoke", "/revoke", {
    payload: Form,
    success: HttpApiSchema.Empty(200),
    error: [BadRequest, Unauthorized]
  }),
  HttpApiEndpoint.post("introspect", "/introspect", {
    payload: Form,
    success: Schema.Record(Schema.String, Schema.Json),
    error: [BadRequest, Unauthorized]
  })
) {}

export class Resources extends HttpApiGroup.make("resources").add(
  HttpApiEndpoint.get("userinfo", "/userinfo", {
    success: Schema.Record(Schema.String, Schema.Json),
    error: [BadRequest, Unauthorized, Forbidden]
  }),
  HttpApiEndpoint.post("userinfoPost", "/userinfo", {
    payload: Form,
    success: Schema.Record(Schema.String, Schema.Json),
    error: [BadRequest, Unauthorized, Forbidden]
  })
) {}

export class Documents extends HttpApiGroup.make("documents").add(
  HttpApiEndpoint.get("jwks", "/jwks", {
    success: Schema.Struct({ keys: Schema.Array(Schema.Record(Schema.String, Schema.Json)) })
  }),
  HttpApiEndpoint.get("openidConfiguration", "/.well-known/openid-configuration", {
    success: Schema.Record(Schema.String, Schema.Json)
  }),
  HttpApiEndpoint.get("authorizationServer", "/.well-known/oauth-authorization-server", {
    success: Schema.Record(Schema.String, Schema.Json)
  })
) {}

/** Everything below one issuer's path. */
export class ProtocolApi extends HttpApi.make("lockspire")
  .add(Browser, Clients, Resources, Documents)
  .annotateMerge(
    OpenApi.annotations({ title: "Lockspire", description: "OAuth 2.0 and OpenID Connect endpoints", version: "1" })
  ) {}
