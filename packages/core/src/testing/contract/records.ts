/** What the contract suites store: valid records with meaningful defaults, each with identifiers of its own. */
import { DateTime } from "effect"
import type { Account, AccountSession } from "../../account/Account.ts"
import type { AuditEvent } from "../../audit/AuditLog.ts"
import type { AuthorizationRequest } from "../../authorization-request/AuthorizationRequest.ts"
import { SafeRedirect } from "../../authorization-request/SafeRedirect.ts"
import type { Issued } from "../../authorize/AuthorizationCode.ts"
import type { Pending } from "../../authorize/Interaction.ts"
import { type Client, type ClientSecret, makeSecret } from "../../client/Client.ts"
import type { Consent } from "../../consent/Consent.ts"
import type { In } from "../../key/SigningKey.ts"
import type { Pushed } from "../../par/PushedRequest.ts"
import type { Resource } from "../../resource/Resource.ts"
import type { TrustedIssuer } from "../../jwt-bearer/TrustedIssuer.ts"
import type { ExchangeRule } from "../../token-exchange/ExchangeRule.ts"
import type { Live } from "../../token/Grant.ts"
import type { Issuance } from "../../token/Issuance.ts"
import type { LiveAccessToken, LiveRefreshToken } from "../../token/Token.ts"

let serial = 0
export const unique = (name: string): string => `${name}-${serial++}`

export const issuer = "https://issuer.example"
export const otherIssuer = "https://issuer.example/other"

export const now = DateTime.makeUnsafe("2030-01-01T12:00:00.123Z")
export const after = (seconds: number, from: DateTime.Utc = now): DateTime.Utc => DateTime.add(from, { seconds })
/** A time long before every other record's, for what the prune tests delete. */
export const longAgo = DateTime.makeUnsafe("2020-01-01T00:00:00Z")

export const account = (over: Partial<Account> = {}): Account => ({
  issuer,
  subject: unique("subject"),
  username: unique("Zoë"),
  passwordHash: "pbkdf2-sha256$600000$c2FsdA$aGFzaA",
  claims: { name: "Zoë Österreich", email_verified: true, address: { country: "AT" }, tags: ["a", null, 1.5] },
  acr: "urn:example:gold",
  amr: ["pwd", "otp"],
  ...over
})

export const accountSession = (over: Partial<AccountSession> = {}): AccountSession => ({
  issuer,
  sessionHash: unique("session"),
  subject: unique("subject"),
  authTime: now,
  acr: "urn:example:gold",
  amr: ["pwd"],
  expiresAt: after(3600),
  ...over
})

export const auditEvent = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  issuer,
  at: now,
  action: "grant.revoked",
  actor: { type: "client", id: unique("client") },
  target: { type: "grant", id: unique("grant") },
  reason: "RefreshTokenReused",
  ...over
})

export const signingKey = (over: Partial<In<"Next">> = {}): In<"Next"> => ({
  _tag: "Next",
  issuer,
  kid: unique("kid"),
  algorithm: "ES256",
  publicJwk: { kty: "EC", crv: "P-256", x: "x", y: "y", key_ops: ["verify"] },
  sealedPrivateJwk: new Uint8Array([0, 1, 254, 255]),
  createdAt: now,
  ...over
})

export const resource = (over: Partial<Resource> = {}): Resource => ({
  issuer,
  identifier: `https://api.example/${unique("resource")}`,
  scopes: ["read", "write"],
  accessTokenFormat: "jwt",
  dpop: "opportunistic",
  introspectionClients: ["gateway"],
  ...over
})

export const clientSecret = (over: Partial<ClientSecret> = {}): ClientSecret =>
  makeSecret({ secretId: unique("secret"), hash: "sha256$aGFzaA", createdAt: now, ...over })

/** Of an issuer of its own: `list` is then the suite's. */
export const trustedIssuer = (over: Partial<TrustedIssuer> = {}): TrustedIssuer => ({
  issuer: unique("https://trusting"),
  identifier: unique("https://idp.example"),
  jwks: { keys: [{ kty: "EC", crv: "P-256", x: "x", y: "y", kid: "ünïcode" }] },
  jwksUri: undefined,
  audience: "urn:us",
  identityAssertions: true,
  clients: ["client"],
  scopes: ["read"],
  ...over
})

export const exchangeRule = (over: Partial<ExchangeRule> = {}): ExchangeRule => ({
  issuer,
  name: unique("rule"),
  clientId: unique("client"),
  subjectClients: ["web", "native"],
  targets: ["https://api.example"],
  scopes: ["read"],
  delegation: "allowed",
  ...over
})

export const client = (over: Partial<Client> = {}): Client => ({
  issuer,
  clientId: unique("client"),
  clientName: "The client, “quoted”",
  redirectUris: ["https://client.example/cb", "https://client.example/cb2"],
  grantTypes: ["authorization_code", "refresh_token"],
  responseTypes: ["code"],
  tokenEndpointAuthMethod: "client_secret_basic",
  scope: ["openid", "read"],
  applicationType: "web",
  idTokenSignedResponseAlg: "RS256",
  defaultMaxAge: 300,
  firstParty: true,
  dangerouslyAllowNoPkce: true,
  dangerouslyAllowEndpointAudience: true,
  introspectAllTokens: true,
  metadata: {
    logo_uri: "https://client.example/logo.png",
    contacts: ["a@client.example"],
    nested: { keptAs_it_is: 1 }
  },
  secrets: [
    clientSecret({ secretId: "new", notBefore: after(-30), expiresAt: after(86_400), lastUsedAt: after(-1) }),
    clientSecret({ secretId: "first", hash: "sha256$b3RoZXI", createdAt: after(-60) }),
    clientSecret({ secretId: "mac", hash: undefined, sealed: new Uint8Array([0, 10, 254, 255]) })
  ],
  disabled: false,
  ...over
})

export const grant = (over: Partial<Live> = {}): Live => ({
  _tag: "Live",
  issuer,
  grantId: unique("grant"),
  clientId: "client",
  subject: "subject",
  sub: "pseudonym",
  sid: "sid",
  scope: ["openid", "offline_access"],
  resources: ["https://api.example"],
  authorizationDetails: [{ type: "payment", amount: { value: "\u0000", currency: "EUR" } }],
  // Valid JSON that PostgreSQL's jsonb would refuse: a browser may send it.
  claims: { userinfo: { email: null, nickname: { essential: true } }, id_token: { acr: { values: ["\u0000", "1"] } } },
  claimsLocales: ["de-AT", "en"],
  authTime: after(-30),
  acr: "urn:example:gold",
  amr: ["pwd"],
  createdAt: now,
  expiresAt: after(86_400),
  ...over
})

export const accessToken = (of: Live, over: Partial<LiveAccessToken> = {}): LiveAccessToken => ({
  _tag: "Live",
  issuer: of.issuer,
  tokenHash: unique("access"),
  grantId: of.grantId,
  clientId: of.clientId,
  subject: of.subject,
  actor: { sub: "an actor" },
  authorizationDetails: [{ type: "payment", locations: ["https://api.example"] }],
  scope: ["openid"],
  audience: ["https://api.example"],
  confirmation: { jkt: "a thumbprint", "x5t#S256": "another" },
  issuedAt: now,
  expiresAt: after(600),
  ...over
})

export const refreshToken = (of: Live, over: Partial<LiveRefreshToken> = {}): LiveRefreshToken => ({
  _tag: "Live",
  issuer: of.issuer,
  tokenHash: unique("refresh"),
  grantId: of.grantId,
  clientId: of.clientId,
  scope: ["openid", "offline_access"],
  confirmation: { jkt: "a thumbprint" },
  issuedAt: now,
  expiresAt: after(3600),
  ...over
})

export const issuance = (
  accessToken: LiveAccessToken,
  refreshToken?: LiveRefreshToken,
  events: ReadonlyArray<AuditEvent> = [
    auditEvent({ issuer: accessToken.issuer }),
    auditEvent({ issuer: accessToken.issuer })
  ]
): Issuance => ({ accessToken, refreshToken, events })

export const consent = (over: Partial<Consent> = {}): Consent => ({
  issuer,
  subject: unique("subject"),
  clientId: "client",
  scope: ["openid"],
  claims: ["email"],
  resources: ["https://api.example"],
  details: ["a digest"],
  grantedAt: now,
  expiresAt: after(86_400),
  ...over
})

export const authorizationRequest = (over: Partial<AuthorizationRequest> = {}): AuthorizationRequest => ({
  clientId: "client",
  redirectUri: SafeRedirect.make("https://client.example/cb"),
  redirectUriSent: true,
  responseMode: "form_post",
  scope: ["openid"],
  state: "state – with ünicode",
  nonce: undefined,
  codeChallenge: "challenge",
  resources: [],
  prompt: ["login", "consent"],
  maxAge: 0,
  loginHint: undefined,
  subject: "subject",
  acrValues: ["1"],
  acrEssential: true,
  uiLocales: ["de"],
  claimsLocales: [],
  display: "popup",
  dpopJkt: "a thumbprint",
  pushedAs: "a hash",
  requestObject: { jtiHash: "another hash", until: after(60) },
  authorizationDetails: [{ detail: { type: "payment", actions: ["initiate"] }, digest: "a digest" }],
  claims: { id_token: { auth_time: { essential: true }, email: null, odd: { value: "\u0000" } } },
  ...over
})

export const pushedRequest = (over: Partial<Pushed> = {}): Pushed => ({
  _tag: "Pushed",
  issuer,
  requestUriHash: unique("request-uri"),
  clientId: "client",
  request: authorizationRequest(),
  expiresAt: after(90),
  ...over
})

export const interaction = (over: Partial<Pending> = {}): Pending => ({
  _tag: "Pending",
  issuer,
  handleHash: unique("handle"),
  browserHash: undefined,
  request: authorizationRequest(),
  createdAt: now,
  expiresAt: after(3600),
  prompted: [],
  ...over
})

export const authorizationCode = (over: Partial<Issued> = {}): Issued => ({
  _tag: "Issued",
  issuer,
  codeHash: unique("code"),
  grantId: unique("grant"),
  clientId: "client",
  redirectUri: "https://client.example/cb",
  redirectUriSent: true,
  codeChallenge: "challenge",
  nonce: "nonce",
  dpopJkt: "a thumbprint",
  expiresAt: after(60),
  ...over
})

/** The grant that the code stands for. */
export const grantOf = (code: Issued, over: Partial<Live> = {}): Live =>
  grant({ issuer: code.issuer, grantId: code.grantId, clientId: code.clientId, ...over })
